// Toasts go by themselves after a while, unless the pointer or the keyboard is on them.
const STAY = 6000;
// What can be taken back is offered a little longer.
const STAY_UNDO = 12000;

function leave(toast) {
  toast.classList.add("leaving");
  setTimeout(() => toast.remove(), 200);
}

function greet(toast) {
  // What went wrong stays until it is read.
  if (toast.querySelector(".t-bad, .t-warn")) return;
  const stay = toast.querySelector("form") ? STAY_UNDO : STAY;
  let timer = setTimeout(() => leave(toast), stay);
  const hold = () => clearTimeout(timer);
  const release = () => { clearTimeout(timer); timer = setTimeout(() => leave(toast), stay); };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("pointerleave", release);
  toast.addEventListener("focusout", release);
}

function dismissible(root) {
  for (const button of root.querySelectorAll("[data-dismiss]")) {
    button.hidden = false;
    button.addEventListener("click", () => leave(button.closest("[data-toast]")));
  }
}

dismissible(document);
const region = document.querySelector("[data-toasts]");
if (region) {
  region.querySelectorAll("[data-toast]").forEach(greet);
  new MutationObserver((changes) => {
    for (const toast of changes.flatMap((change) => [...change.addedNodes])) {
      if (!toast.matches?.("[data-toast]")) continue;
      dismissible(toast);
      greet(toast);
    }
  }).observe(region, { childList: true });
}
