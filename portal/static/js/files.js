// Source files: dropped anywhere on their page or chosen, each is sent by itself with its progress.
const upload = document.querySelector("form[data-bring]");

function line(name) {
  const row = document.createElement("li");
  const label = document.createElement("span");
  label.textContent = name;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", name);
  row.append(label, bar);
  return row;
}

function refuse(row, name, why) {
  row.className = "refused";
  const label = document.createElement("span");
  label.textContent = `${name}: ${why}`;
  row.replaceChildren(label);
}

function refresh() {
  window.htmx?.ajax("GET", location.href, { target: "#source-files", select: "#source-files", swap: "outerHTML" });
}

function send(file, replace, earlier) {
  const row = line(file.name);
  if (earlier) earlier.replaceWith(row);
  else upload.querySelector("[data-sent]").append(row);
  if (file.size > Number(upload.dataset.largest) * 1024 * 1024) {
    refuse(row, file.name, upload.dataset.tooLarge);
    return Promise.resolve();
  }
  const form = new FormData();
  form.append("csrfmiddlewaretoken", upload.elements.csrfmiddlewaretoken.value);
  if (replace) form.append("replace", "on");
  form.append("file", file, file.name);
  const request = new XMLHttpRequest();
  request.open("POST", upload.action);
  request.setRequestHeader("HX-Request", "true");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) row.querySelector("progress").value = event.loaded / event.total;
  });
  return new Promise((done) => {
    request.addEventListener("loadend", () => {
      if (request.responseURL && new URL(request.responseURL).pathname.startsWith("/account/login/")) { location.reload(); return; }
      if (request.status !== 201 && request.status !== 422) {
        refuse(row, file.name, upload.dataset.lost);
      } else {
        const holder = document.createElement("template");
        holder.innerHTML = request.responseText;
        const said = [...holder.content.querySelectorAll("li")];
        row.replaceWith(...said);
        for (const each of said) {
          each.querySelector("[data-replace]")?.addEventListener("click", () => send(file, true, each).then(refresh));
        }
      }
      done();
    });
    request.send(form);
  });
}

async function sendAll(files) {
  upload.querySelector("[data-sent]").replaceChildren();
  // One after the other: together they would only share the same line.
  const replace = upload.elements.replace.checked;
  for (const file of files) await send(file, replace);
  refresh();
}

if (upload) {
  const chosen = upload.querySelector("input[type=file]");
  upload.querySelector("[data-send]").hidden = true;
  chosen.addEventListener("change", () => {
    const files = [...chosen.files];
    chosen.value = "";
    if (files.length) sendAll(files);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      upload.classList.toggle("over", kind === "dragover");
      if (kind === "drop") sendAll([...event.dataTransfer.files]);
    });
  }
}
