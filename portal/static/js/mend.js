// A form that came back begins at the first field to mend: on a phone that may be screens below the page's top.
const error = document.querySelector("main :is(.field, .node) .error");
const box = error?.closest(".field, .node");
const control = box?.querySelector("[aria-invalid=true]") ?? box?.querySelector(":is(input, select, textarea):not([type=hidden], .narrow, .all > *)");
control?.focus({ preventScroll: true });
error?.scrollIntoView({ block: "center" });
