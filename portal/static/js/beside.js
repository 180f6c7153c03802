// A field that belongs to some choices of another one is left out while none of them is taken. What has an error stays.
const parts = [...document.querySelectorAll("[data-beside]")];

function settle() {
  for (const part of parts) {
    const control = document.getElementsByName(part.dataset.beside)[0];
    const fits = !control || part.dataset.besideValues.split(" ").includes(control.value);
    const shown = fits || part.querySelector(".error") !== null;
    part.hidden = !shown;
    // An unchecked box is sent as «no»: a box that is only hidden keeps what it says.
    for (const each of part.querySelectorAll("input:not([type=checkbox]), select, textarea")) each.disabled = !shown;
  }
}

if (parts.length) {
  settle();
  document.addEventListener("change", settle);
}
