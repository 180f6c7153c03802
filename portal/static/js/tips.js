// Says beside a bar of a drawing what it is, to pointer and keyboard alike.
for (const around of document.querySelectorAll("[data-tips]")) {
  const tip = around.querySelector("[data-tip]");
  // The browser's own tip would stand beside ours.
  for (const title of around.querySelectorAll("a title")) title.remove();
  const show = (event) => {
    const bar = event.target.closest?.("a[aria-label]");
    tip.hidden = !bar;
    if (!bar) return;
    tip.textContent = bar.getAttribute("aria-label");
    const [at, frame] = [bar.getBoundingClientRect(), around.getBoundingClientRect()];
    const left = Math.min(at.left - frame.left, frame.width - tip.offsetWidth - 16);
    tip.style.left = `${Math.max(left, 16)}px`;
    tip.style.top = `${at.bottom - frame.top + 4}px`;
  };
  around.addEventListener("pointerover", show);
  around.addEventListener("focusin", show);
  around.addEventListener("focusout", () => { tip.hidden = true; });
  around.addEventListener("pointerleave", () => { tip.hidden = true; });
}
