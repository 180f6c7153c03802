// The query editor: Ctrl or ⌘ with Enter runs, Tab indents (Esc first lets it move on), names are inserted.
const INDENT = "  ";
let leaving = false;

function insert(area, text) {
  const { selectionStart: start, selectionEnd: end } = area;
  area.setRangeText(text, start, end, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("keydown", (event) => {
  const area = event.target.closest?.("textarea.sql");
  if (!area) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    area.form.requestSubmit();
  } else if (event.key === "Tab" && !event.shiftKey && !leaving) {
    event.preventDefault();
    insert(area, INDENT);
  }
  leaving = event.key === "Escape";
});

// A form may have several places for SQL: names go where somebody wrote last.
const PLACES = "textarea.sql, textarea.code";
let last = null;
document.addEventListener("focusin", (event) => { if (event.target.matches?.(PLACES)) last = event.target; });

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-insert]");
  const area = button && (last?.isConnected ? last : document.querySelector(PLACES));
  if (!area) return;
  insert(area, button.dataset.insert);
  area.focus();
});

// The cursor goes to the place that was refused.
const refused = document.querySelector("textarea.sql[data-line]");
if (refused) {
  const lines = refused.value.split("\n");
  const before = lines.slice(0, refused.dataset.line - 1).join("\n").length + (refused.dataset.line > 1 ? 1 : 0);
  refused.focus();
  refused.setSelectionRange(before + Number(refused.dataset.column) - 1, before + Number(refused.dataset.column) - 1);
}
