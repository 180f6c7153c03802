// The command palette: Ctrl or ⌘ with K opens it, the arrows walk what was found, Enter opens it.
const palette = document.querySelector("[data-palette]");
const box = palette?.querySelector("input");
const links = () => [...palette.querySelectorAll("[data-found]")];

function open() {
  if (palette.open) return;
  // What was typed last time is still there, chosen, so that typing replaces it.
  palette.showModal();
  box.select();
  htmx.trigger(box, "open-palette");
}

function walk(step) {
  const found = links();
  if (!found.length) return;
  const at = found.indexOf(document.activeElement) + step;
  if (at < 0) box.focus();
  else found[Math.min(at, found.length - 1)].focus();
}

if (palette) {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (palette.open) palette.close();
      else open();
    }
  });
  palette.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") walk(1);
    else if (event.key === "ArrowUp") walk(-1);
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && document.activeElement !== box) box.focus();
    else return;
    if (event.key.startsWith("Arrow")) event.preventDefault();
  });
  // Enter in the box opens the best find; with nothing found the search page says so.
  palette.querySelector("form").addEventListener("submit", (event) => {
    const [best] = links();
    if (!best || box.matches(".htmx-request")) return;
    event.preventDefault();
    best.click();
  });
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
  for (const button of document.querySelectorAll("[data-opens-palette]")) button.addEventListener("click", open);
}
