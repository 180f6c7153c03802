// Asking: what the question is about is kept as chips; which suggestions were opened is told without waiting.
const form = document.querySelector("[data-asking]");

function chip(button) {
  const about = document.getElementById("about");
  if ([...about.querySelectorAll("input")].some((input) => input.value === button.value)) return;
  const made = document.getElementById("about-chip").content.firstElementChild.cloneNode(true);
  made.querySelector("use").setAttribute("href", `#i-${button.dataset.icon}`);
  made.querySelector("[data-label]").textContent = button.dataset.label;
  made.querySelector("input").value = button.value;
  const drop = made.querySelector("[data-drop]");
  drop.setAttribute("aria-label", drop.dataset.words.replace("{}", button.dataset.label));
  about.append(made);
}

if (form) {
  for (const drop of form.querySelectorAll("[data-drop]")) drop.hidden = false;
  form.addEventListener("click", (event) => {
    const about = event.target.closest("[data-about]");
    const drop = event.target.closest("[data-drop]");
    const opened = event.target.closest("[data-opened]");
    if (about) {
      event.preventDefault();
      chip(about);
    } else if (drop) {
      drop.closest(".chip").remove();
      form.querySelector("[name=title]").focus();
    } else if (opened) {
      const body = new FormData();
      body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
      body.set("once", form.elements.once.value);
      body.set("number", opened.dataset.opened);
      fetch(form.dataset.openedUrl, { method: "POST", body, keepalive: true }).catch(() => {});
    }
  });
  const visibility = form.querySelector("[name=visibility]");
  visibility?.addEventListener("change", () => {
    form.querySelector("[data-visibility-word]").textContent = visibility.selectedOptions[0].textContent;
  });
}
