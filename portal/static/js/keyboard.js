// "/" searches, "j" and "k" walk the rows of a list, Enter opens, "?" helps. Never while somebody types.
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const linkOf = (row) => row.querySelector(".main-link") ?? row.querySelector("a[href]");
const rows = () => [...document.querySelectorAll("[data-list] > *")].filter(linkOf);

function walk(step) {
  const list = rows();
  if (!list.length) return;
  const at = list.findIndex((row) => row.contains(document.activeElement));
  const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + step, 0), list.length - 1)];
  linkOf(next).focus();
  next.scrollIntoView({ block: "nearest" });
}

// A letter that the buttons of rows bear (data-row-key) presses that of the row in focus, else of the first.
function pressInRow(key) {
  const having = rows().filter((row) => row.querySelector(`[data-row-key="${key}"]`));
  const row = having.find((each) => each.contains(document.activeElement)) ?? having[0];
  row?.querySelector(`[data-row-key="${key}"]`).click();
  return Boolean(row);
}

// The help names the keys of this page as well: those that its buttons bear (data-key), in their own words.
function help() {
  const keys = document.querySelector("[data-keys]");
  if (!keys) return;
  const own = keys.querySelector("[data-page-keys]");
  const bearers = [...document.querySelectorAll("[data-key]")].filter((button) => !button.closest("dialog"));
  const inRow = document.querySelector("[data-row-key]");
  const lines = [...bearers, ...(inRow ? [inRow] : [])].map((button) => {
    const name = document.createElement("dt");
    name.append(...(button.dataset.key ?? button.dataset.rowKey).split(" ").flatMap((key) => {
      const cap = document.createElement("kbd");
      cap.className = "kbd";
      cap.textContent = key === "Enter" ? "↵" : key.toUpperCase();
      return [cap, " "];
    }));
    const words = document.createElement("dd");
    const said = button.cloneNode(true);
    for (const extra of said.querySelectorAll(".kbd, .sr, svg")) extra.remove();
    words.textContent = button.dataset.keyWords ?? said.textContent.trim();
    return [name, words];
  });
  own.replaceChildren(...lines.flat());
  keys.querySelector("[data-page-keys-title]").hidden = own.hidden = !lines.length;
  keys.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
  if (document.querySelector("dialog[open]:modal")) return;
  const acts = {
    "/": () => (document.querySelector("[data-search-first]") ?? document.querySelector("[data-search]"))?.focus(),
    "?": () => help(),
    j: () => walk(1),
    k: () => walk(-1),
  };
  const act = acts[event.key];
  if (!act) {
    if (/^[a-z]$/.test(event.key) && !event.repeat && pressInRow(event.key)) event.preventDefault();
    return;
  }
  event.preventDefault();
  act();
});
