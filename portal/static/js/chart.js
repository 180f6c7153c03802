// A crosshair and the values under it. They come from the figure's JSON block (portal.ui.vega.points):
// {"wide": {"width", "left", "right", "top", "bottom", "xs", "ys"}, "narrow": …, "names", "values"}, in the drawing's own units.
const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function enliven(figure) {
  const block = figure.querySelector('script[type="application/json"]');
  if (!block) return;
  const data = JSON.parse(block.textContent);
  for (const layout of ["wide", "narrow"]) {
    const box = figure.querySelector(`.${layout}-only`);
    const svg = box?.querySelector("svg");
    if (svg && data[layout]) follow(box, svg, data, data[layout]);
  }
}

function follow(box, svg, data, place) {
  const group = element("g", { visibility: "hidden" });
  const cross = element("line", { class: "chart-cross", y1: place.top, y2: place.bottom });
  const dot = element("circle", { class: "chart-dot", r: 4 });
  group.append(cross, dot);
  svg.append(group);
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  box.append(tip);
  let at = -1;

  function show(index) {
    at = index;
    const x = place.xs[index];
    const y = place.ys[index];
    cross.setAttribute("x1", x);
    cross.setAttribute("x2", x);
    dot.setAttribute("visibility", y === null ? "hidden" : "inherit");
    if (y !== null) { dot.setAttribute("cx", x); dot.setAttribute("cy", y); }
    group.setAttribute("visibility", "visible");
    const name = document.createElement("span");
    name.textContent = data.names[index];
    const lines = data.values[index].map((text, line) => {
      const row = document.createElement(line ? "span" : "b");
      row.textContent = text;
      return row;
    });
    tip.replaceChildren(name, ...lines);
    tip.hidden = false;
    const scale = svg.clientWidth / place.width;
    const left = x * scale + 12;
    const fits = left + tip.offsetWidth <= box.clientWidth;
    // The CSP forbids style attributes in markup; a script may still set single properties of an element.
    tip.style.left = `${fits ? left : Math.max(x * scale - 12 - tip.offsetWidth, 0)}px`;
  }

  function hide() {
    group.setAttribute("visibility", "hidden");
    tip.hidden = true;
    at = -1;
  }

  const nearest = (x) => place.xs.reduce((best, value, index) => (Math.abs(value - x) < Math.abs(place.xs[best] - x) ? index : best), 0);
  box.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect();
    show(nearest((event.clientX - frame.left) * (place.width / frame.width)));
  });
  box.addEventListener("pointerleave", hide);
  box.tabIndex = 0;
  box.addEventListener("focus", () => { if (box.matches(":focus-visible")) show(place.xs.length - 1); });
  box.addEventListener("blur", hide);
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step || at < 0) return;
    event.preventDefault();
    show(Math.min(Math.max(at + step, 0), place.xs.length - 1));
  });
}

document.querySelectorAll("[data-chart]").forEach(enliven);
document.addEventListener("htmx:load", (event) => event.target.querySelectorAll?.("[data-chart]").forEach((figure) => {
  if (!figure.querySelector(".chart-tip")) enliven(figure);
}));
