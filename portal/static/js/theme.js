// Switches light and dark without leaving the page; the form's answer (a cookie) is fetched behind it.
for (const place of document.querySelectorAll("[data-theme-switch]")) {
  place.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button?.form) return;
    event.preventDefault();
    const { form } = button;
    const body = new FormData(form, button);
    document.documentElement.dataset.theme = button.value;
    place.querySelector(`button:not([value="${button.value}"])`)?.focus();
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (!answer || (answer.type !== "opaqueredirect" && !answer.ok)) form.requestSubmit(button);
  });
}
