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

// What asks again and again rests while nobody sees it.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.getAttribute("hx-trigger")?.startsWith("every")) event.preventDefault();
});

// A part that is replaced gives back the link in focus and what was opened in it, by the nearest name around them.
let kept = [];
const keep = (element, selector) => {
  const part = element.parentElement.closest("[id]");
  if (part) kept.push({ element, selector, id: part.id, index: [...part.querySelectorAll(selector)].indexOf(element) });
};
const successor = ({ id, selector, index }) => document.getElementById(id)?.querySelectorAll(selector)[index];

document.addEventListener("htmx:beforeSwap", () => {
  kept = [];
  const link = document.activeElement?.closest("a[href]:not([id])");
  if (link) keep(link, `a[href=${CSS.escape(link.getAttribute("href"))}]`);
  for (const opened of document.querySelectorAll("main details[open]")) keep(opened, "details");
});
document.addEventListener("htmx:afterSettle", () => {
  for (const each of kept) {
    if (each.element.isConnected) continue;
    const next = successor(each);
    if (next instanceof HTMLDetailsElement) next.open = true;
    else if (document.activeElement === document.body) next?.focus({ preventScroll: true });
  }
  kept = [];
});
