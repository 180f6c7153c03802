// Many boxes to tick get a line above them that leaves only those with the typed words.
const MANY = 10;

for (const boxes of document.querySelectorAll("fieldset[data-narrow]")) {
  const choices = [...boxes.querySelectorAll(".check:not(.all)")];
  if (choices.length < MANY) continue;
  const line = document.createElement("input");
  Object.assign(line, { type: "search", className: "input narrow", placeholder: boxes.dataset.narrow, autocomplete: "off" });
  line.setAttribute("aria-label", boxes.dataset.narrow);
  line.addEventListener("input", () => {
    const words = line.value.toLowerCase().split(/\s+/);
    for (const choice of choices) {
      const text = choice.textContent.toLowerCase();
      choice.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of boxes.querySelectorAll("fieldset")) {
      group.hidden = ![...group.querySelectorAll(".check:not(.all)")].some((choice) => !choice.hidden);
    }
  });
  // Enter would send the form.
  line.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  // Below the list's name, else it seems to belong to the field above.
  (choices[0].closest("fieldset[data-all]") ?? choices[0]).before(line);
}
