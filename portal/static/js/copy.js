// Buttons that copy: <button data-copy="#id" hidden>; shown only where copying is possible.
const DONE = 1600;

function prepare(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
  const word = button.querySelector("[data-copy-word]");
  if (!word || word.dataset.before) return;
  word.dataset.before = word.textContent;
  word.textContent = button.dataset.copied;
  setTimeout(() => { word.textContent = word.dataset.before; delete word.dataset.before; }, DONE);
});

prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.target));
