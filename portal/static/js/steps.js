// The steps of a question: their forms open above the page, letters press the buttons that bear them.
const dialog = () => document.querySelector("[data-step-dialog]");
const visible = (element) => element.getClientRects().length > 0;
const typing = (target) => target.closest?.("input:not([type=radio], [type=checkbox], [type=hidden]), textarea, select, [contenteditable]");

// What a form answers with 409 or 422 says what to mend: it takes the form's place, as the form itself did.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target } = event.detail;
  if (target.id !== "step-form" || ![403, 409, 422].includes(xhr.status)) return;
  if (xhr.status === 403) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "step-form") {
    const box = dialog();
    if (!box.open) box.showModal();
    const first = box.querySelector("[aria-invalid=true], .input, input[type=radio]") ?? box.querySelector("button, a");
    first?.focus();
    return;
  }
  if (event.detail.target.id === "inbox") arrive();
});

// A new question is on the right: the reader's place is its title, and the list shows where it stands.
function arrive() {
  dialog()?.close();
  document.querySelector("[data-inbox] [aria-current=true]")?.scrollIntoView({ block: "nearest" });
  const title = document.querySelector("[data-inbox] [data-focus]") ?? document.querySelector("[data-inbox] h1");
  title?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const box = dialog();
  if (!box?.open) return;
  if (event.target === box || event.target.closest("[data-step-dialog] [data-close]")) {
    event.preventDefault();
    box.close();
  }
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target) || event.target.closest(".menu-panel")) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat || typing(event.target)) return;
  if (document.querySelector("dialog[open]:modal")) return;
  // Enter on a link or a button presses that one.
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!/^[a-z0-9]$|^Enter$/.test(key)) return;
  const buttons = [...document.querySelectorAll(`[data-key~="${key}"]`)];
  const button = buttons.find(visible) ?? buttons.find((each) => each.closest("details[data-menu]"));
  if (!button) return;
  event.preventDefault();
  button.click();
});
