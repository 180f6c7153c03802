// Live parts that cannot be refreshed say so, once; when the sign-in has ended, the page asks for it.
const region = document.querySelector("[data-toasts]");
const template = document.querySelector("[data-lost]");
let shown = null;

function lost() {
  if (shown?.isConnected || !region || !template) return;
  region.append(template.content.cloneNode(true));
  shown = region.lastElementChild;
}

document.addEventListener("htmx:sendError", lost);
document.addEventListener("htmx:responseError", lost);
document.addEventListener("htmx:beforeSwap", (event) => {
  // A redirect to the sign-in page was followed behind our back; it must not land inside a part of this page.
  const answered = new URL(event.detail.xhr.responseURL || location.href);
  if (answered.pathname.startsWith("/account/login/") && !location.pathname.startsWith("/account/login/")) {
    event.detail.shouldSwap = false;
    location.reload();
    return;
  }
  shown?.remove();
});
