// A group of boxes gets one more that ticks those shown in it, or takes their ticks away; it is not sent.
for (const group of document.querySelectorAll("fieldset[data-all]")) {
  const boxes = [...group.querySelectorAll("input[type=checkbox]")];
  if (boxes.length < 2) continue;
  const all = Object.assign(document.createElement("input"), { type: "checkbox", autocomplete: "off" });
  const label = Object.assign(document.createElement("label"), { className: "check all" });
  label.append(all, ` ${group.dataset.all}`);
  const tell = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  };
  all.addEventListener("change", () => {
    for (const box of boxes) if (!box.closest(".check").hidden) box.checked = all.checked;
  });
  group.addEventListener("change", tell);
  boxes[0].closest(".check").before(label);
  tell();
}
