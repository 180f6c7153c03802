// Everything here is comfort: each page works without it.
import "./theme.js";
import "./toasts.js";
import "./keyboard.js";
import "./chart.js";
import "./live.js";
import "./log.js";
import "./copy.js";
import "./confirm.js";
import "./asking.js";
import "./palette.js";
import "./ago.js";
import "./steps.js";
import "./answering.js";
import "./discussion.js";
import "./query.js";
import "./beside.js";
import "./tips.js";
