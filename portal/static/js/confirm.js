// A form that asks first: <form data-confirm="dialog-id">; the dialog's button with value "yes" sends it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const dialog = form.dataset.confirm && document.getElementById(form.dataset.confirm);
  if (!dialog || form.dataset.confirmed) return;
  event.preventDefault();
  const submitter = event.submitter;
  dialog.returnValue = "";
  dialog.showModal();
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes") return;
    // A part of the page that looks again by itself may have drawn the form anew meanwhile.
    const drawn = form.isConnected ? form : document.querySelector(`form[data-confirm="${dialog.id}"]`);
    if (!drawn) return;
    drawn.dataset.confirmed = "1";
    drawn.requestSubmit(drawn === form ? submitter : undefined);
    delete drawn.dataset.confirmed;
  }, { once: true });
});

for (const opener of document.querySelectorAll("[data-opens]")) {
  opener.addEventListener("click", () => document.getElementById(opener.dataset.opens)?.showModal());
}
