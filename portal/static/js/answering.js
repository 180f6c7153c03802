// The editor of an answer: write or look, and ask before unsaved words are left behind.
const editor = document.querySelector("[data-editor]");

if (editor) {
  const body = editor.querySelector("textarea");
  const preview = editor.querySelector("#answer-preview");
  const write = editor.querySelector("[data-editor-write]");
  const look = editor.querySelector("[data-editor-preview]");
  let saved = body.value;
  let sent = body.value;
  let leaving = false;

  function show(looking) {
    body.hidden = looking;
    preview.hidden = !looking;
    write.setAttribute("aria-pressed", String(!looking));
    look.setAttribute("aria-pressed", String(looking));
  }

  editor.querySelector("[data-editor-views]").hidden = false;
  // A reviewer reads first.
  if (editor.dataset.editor === "look") show(true);
  write.addEventListener("click", () => { show(false); body.focus(); });
  look.addEventListener("click", () => show(true));
  body.addEventListener("htmx:beforeRequest", () => { sent = body.value; });
  body.addEventListener("htmx:afterRequest", () => { if (!document.querySelector("#draft-saved .bad")) saved = sent; });
  editor.addEventListener("submit", () => { leaving = true; });
  window.addEventListener("beforeunload", (event) => { if (!leaving && body.value !== saved) event.preventDefault(); });
}
