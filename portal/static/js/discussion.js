// The composer: drafts that survive a reload or a lost session, preview, files by paste and drop, names after @.
const composerOf = (target) => target.closest?.("[data-composer]");
const partOf = (composer, name) => composer.querySelector(`[data-${name}]`);

// Drafts: in this tab only, and only for whoever wrote them. Who reads it is never remembered: it is chosen anew.
const draftKey = (composer) => `draft:${composer.dataset.draft}`;

function remember(composer) {
  const text = partOf(composer, "body").value;
  try {
    if (text) sessionStorage.setItem(draftKey(composer), text);
    else sessionStorage.removeItem(draftKey(composer));
  } catch { /* Storage may be full or forbidden; the text still stands in the field. */ }
}

function forget(composer) {
  try { sessionStorage.removeItem(draftKey(composer)); } catch { /* As above. */ }
}

function welcome(composer) {
  if (composer.dataset.ready) return;
  composer.dataset.ready = "1";
  partOf(composer, "views").hidden = false;
  const body = partOf(composer, "body");
  try { body.value ||= sessionStorage.getItem(draftKey(composer)) ?? ""; } catch { /* As above. */ }
}

function welcomeAll() { document.querySelectorAll("[data-composer]").forEach(welcome); }
welcomeAll();
document.addEventListener("htmx:load", welcomeAll);
document.addEventListener("htmx:oobAfterSwap", welcomeAll);

document.addEventListener("htmx:beforeSwap", (event) => {
  const composer = event.detail.requestConfig?.elt;
  const answer = event.detail.xhr;
  if (!composer?.matches?.("[data-composer]") || answer.status !== 200) return;
  // With a new place for the answer the server shows the form again: it was not taken.
  if (answer.getResponseHeader("HX-Retarget")) return;
  if (new URL(answer.responseURL || location.href).pathname.startsWith("/account/login/")) return;
  forget(composer);
  if (answer.getResponseHeader("HX-Reswap") === "none") partOf(composer, "body").value = "";
});

// Write and preview
function show(composer, preview) {
  partOf(composer, "body").hidden = preview;
  composer.querySelector(".preview").hidden = !preview;
  partOf(composer, "write").setAttribute("aria-pressed", String(!preview));
  partOf(composer, "preview").setAttribute("aria-pressed", String(preview));
}

document.addEventListener("click", (event) => {
  const composer = composerOf(event.target);
  if (!composer) return;
  if (event.target.closest("[data-write]")) { show(composer, false); partOf(composer, "body").focus(); }
  if (event.target.closest("[data-preview]")) show(composer, true);
  const option = event.target.closest("[data-written]");
  if (option) choose(composer, option);
});

// Files
function row(text) {
  const line = document.createElement("li");
  line.className = "file";
  const name = document.createElement("span");
  name.textContent = text;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", text);
  line.append(name, bar);
  return line;
}

function send(composer, file) {
  const waiting = row(file.name || "image");
  partOf(composer, "files").append(waiting);
  const form = new FormData();
  form.append("file", file, file.name || "image.png");
  const request = new XMLHttpRequest();
  request.open("POST", composer.dataset.upload);
  request.setRequestHeader("X-CSRFToken", composer.elements.csrfmiddlewaretoken.value);
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) waiting.querySelector("progress").value = event.loaded / event.total;
  });
  request.addEventListener("loadend", () => {
    if (request.responseURL && new URL(request.responseURL).pathname.startsWith("/account/login/")) { location.reload(); return; }
    if (request.status !== 201 && request.status !== 422) {
      waiting.querySelector("progress").remove();
      waiting.classList.add("refused");
      waiting.append("✕");
      return;
    }
    const holder = document.createElement("template");
    holder.innerHTML = request.responseText;
    const line = holder.content.querySelector("li");
    waiting.replaceWith(line);
    window.htmx?.process(line);
  });
  request.send(form);
}

document.addEventListener("change", (event) => {
  const composer = composerOf(event.target);
  if (!composer || !event.target.matches("[data-file]")) return;
  for (const file of event.target.files) send(composer, file);
  event.target.value = "";
});
document.addEventListener("paste", (event) => {
  const composer = composerOf(event.target);
  const files = [...(event.clipboardData?.files ?? [])];
  if (!composer || !files.length) return;
  event.preventDefault();
  files.forEach((file) => send(composer, file));
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const composer = composerOf(event.target);
    if (!composer || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    composer.classList.toggle("over", kind === "dragover");
    if (kind === "drop") [...event.dataTransfer.files].forEach((file) => send(composer, file));
  });
}

// Names after @
const NAME = /(?:^|[\s(])@([\p{L}\p{N}._-]*(?: [\p{L}\p{N}._-]*)?)$/u;
let asked = 0;

function hide(composer) {
  const names = partOf(composer, "names");
  names.hidden = true;
  names.replaceChildren();
  partOf(composer, "body").removeAttribute("aria-activedescendant");
}

function choose(composer, option) {
  const body = partOf(composer, "body");
  const before = body.value.slice(0, body.selectionStart);
  const at = before.lastIndexOf("@");
  body.setRangeText(`@${option.dataset.written} `, at, body.selectionStart, "end");
  hide(composer);
  body.focus();
  remember(composer);
}

function point(composer, option) {
  for (const each of partOf(composer, "names").children) each.setAttribute("aria-selected", String(each === option));
  partOf(composer, "body").setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

async function suggest(composer, typed) {
  const turn = ++asked;
  await new Promise((done) => setTimeout(done, 120));
  if (turn !== asked) return;
  const answer = await fetch(`${composer.dataset.people}?q=${encodeURIComponent(typed)}`, { redirect: "error" }).catch(() => null);
  if (!answer?.ok || turn !== asked) return;
  const names = partOf(composer, "names");
  names.innerHTML = await answer.text();
  names.hidden = !names.children.length;
  if (names.children.length) point(composer, names.firstElementChild);
}

document.addEventListener("input", (event) => {
  const composer = composerOf(event.target);
  if (!composer || !event.target.matches("[data-body]")) return;
  remember(composer);
  const found = NAME.exec(event.target.value.slice(0, event.target.selectionStart));
  if (found && found[1].length) suggest(composer, found[1]);
  else { asked += 1; hide(composer); }
});

document.addEventListener("keydown", (event) => {
  const composer = composerOf(event.target);
  const names = composer && partOf(composer, "names");
  if (!names || names.hidden || !event.target.matches("[data-body]") || event.isComposing) return;
  const options = [...names.children];
  const current = options.find((each) => each.getAttribute("aria-selected") === "true") ?? options[0];
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in moves) {
    event.preventDefault();
    point(composer, options[(options.indexOf(current) + moves[event.key] + options.length) % options.length]);
  } else if (event.key === "Enter" || event.key === "Tab") {
    event.preventDefault();
    choose(composer, current);
  } else if (event.key === "Escape") {
    event.preventDefault();
    hide(composer);
  }
});
