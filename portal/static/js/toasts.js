// Toasts go by themselves after a while, unless the pointer or the keyboard is on them.
const STAY = 6000;

function leave(toast) {
  toast.classList.add("leaving");
  setTimeout(() => toast.remove(), 200);
}

function greet(toast) {
  const button = toast.querySelector("[data-dismiss]");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => leave(toast));
  }
  // What went wrong stays until it is read.
  if (toast.querySelector(".t-bad, .t-warn")) return;
  let timer = setTimeout(() => leave(toast), STAY);
  const hold = () => clearTimeout(timer);
  const release = () => { clearTimeout(timer); timer = setTimeout(() => leave(toast), STAY); };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("pointerleave", release);
  toast.addEventListener("focusout", release);
}

const region = document.querySelector("[data-toasts]");
if (region) {
  region.querySelectorAll("[data-toast]").forEach(greet);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) greet(node);
  }).observe(region, { childList: true });
}
