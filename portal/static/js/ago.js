// Keeps "3 min ago" true while the page stays open.
const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { style: "short", numeric: "always" });

function refresh() {
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const seconds = (Date.parse(element.dateTime) - Date.now()) / 1000;
    const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? STEPS.at(-1);
    const text = words.format(Math.trunc(seconds / size), unit).replace(".", "");
    if (element.textContent !== text) element.textContent = text;
  }
}

setInterval(() => { if (!document.hidden) refresh(); }, 5000);
