// "/" searches, "j" and "k" walk the rows of a list, Enter opens, "?" helps. Never while somebody types.
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const rows = () => [...document.querySelectorAll("[data-list] > *")].filter((row) => row.querySelector("a[href]"));
const linkOf = (row) => row.querySelector(".main-link") ?? row.querySelector("a[href]");

function walk(step) {
  const list = rows();
  if (!list.length) return;
  const at = list.findIndex((row) => row.contains(document.activeElement));
  const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + step, 0), list.length - 1)];
  linkOf(next).focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
  if (document.querySelector("dialog[open]:modal")) return;
  const acts = {
    "/": () => (document.querySelector("[data-search-first]") ?? document.querySelector("[data-search]"))?.focus(),
    "?": () => document.querySelector("[data-keys]")?.showModal(),
    j: () => walk(1),
    k: () => walk(-1),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
