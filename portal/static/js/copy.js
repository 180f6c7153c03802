// Buttons that copy: <button data-copy="#id" hidden>, or data-copy="/path" for what an address of ours holds;
// shown only where copying is possible.
const DONE = 1600;

function prepare(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
  }
}

async function textOf(from) {
  if (from.startsWith("/")) {
    const answer = await fetch(from);
    // A session that ended answers with the sign-in page.
    return answer.ok && !answer.redirected ? answer.text() : null;
  }
  const source = document.querySelector(from);
  return source ? (source.value ?? source.textContent.trim()) : null;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const text = await textOf(button.dataset.copy);
  if (text === null) return;
  await navigator.clipboard.writeText(text);
  const word = button.querySelector("[data-copy-word]");
  if (!word || word.dataset.before) return;
  word.dataset.before = word.textContent;
  word.textContent = button.dataset.copied;
  setTimeout(() => { word.textContent = word.dataset.before; delete word.dataset.before; }, DONE);
});

prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.target));
