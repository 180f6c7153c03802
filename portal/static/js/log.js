// A live log follows its end, until the reader scrolls up; back at the end it follows again.
const NEAR = 24;

for (const log of document.querySelectorAll("[data-follow]")) {
  let following = true;
  const toEnd = () => { log.scrollTop = log.scrollHeight; };
  toEnd();
  log.addEventListener("scroll", () => {
    following = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  }, { passive: true });
  new MutationObserver(() => { if (following) toEnd(); }).observe(log, { childList: true, subtree: true });
}
