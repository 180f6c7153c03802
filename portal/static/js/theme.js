// Switches light and dark without leaving the page; the form's answer (a cookie) is fetched behind it.
for (const form of document.querySelectorAll("[data-theme-form]")) {
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button) return;
    event.preventDefault();
    const body = new FormData(form, button);
    document.documentElement.dataset.theme = button.value;
    const other = form.querySelector(`button:not([value="${button.value}"])`);
    other?.focus();
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (!answer || (answer.type !== "opaqueredirect" && !answer.ok)) form.submit();
  });
}
