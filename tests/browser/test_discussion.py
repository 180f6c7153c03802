"""Discussion in Chromium: what people write runs nothing (A34), and drafts survive."""

from collections.abc import Callable

from playwright.sync_api import Dialog

from tests.browser.conftest import Visitor
from tests.security.xss import corpus

URL = "/discussion/dataset/ops.flights/"
TRACES = (
    ".said script, .said style, .said iframe, .said form:not([action^='/discussion/']), .said svg:not(.i), "
    ".said [onerror], .said [onload], .said [onclick], .said [onfocus], .said [style]"
)
HANDLERS = """[...document.querySelectorAll('.marked *')].filter(
  (each) => [...each.attributes].some((attribute) => /^(on|hx-|data-)/.test(attribute.name))).length"""


def test_a34_comments_run_nothing(visitor: Callable[..., Visitor]) -> None:
    ada = visitor("Ada Yoon")
    dialogs: list[str] = []
    page = ada.page

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    texts = corpus()
    for start in range(0, 60, 20):
        ada.open(URL)
        before = page.locator(".comment").count()
        page.fill("#composer-body", "\n\n".join(texts[start::60][:20]))
        page.locator(".composer .send .btn").click()
        page.locator(".comment").nth(before).wait_for()
        assert page.input_value("#composer-body") == ""
    ada.open(URL)
    assert page.locator(TRACES).count() == 0
    assert page.evaluate(HANDLERS) == 0
    assert dialogs == []
    assert ada.violations == []


def test_a_draft_survives_a_reload_and_names_are_offered(visitor: Callable[..., Visitor]) -> None:
    finn = visitor("Finn Oh")
    page = finn.open(URL)
    page.locator("#composer-body").press_sequentially("Ask @Eu")
    page.locator("#composer-names [data-written]").first.wait_for()
    page.keyboard.press("Enter")
    assert page.input_value("#composer-body") == "Ask @Eun Park "
    page.reload()
    assert page.input_value("#composer-body") == "Ask @Eun Park "
    assert finn.violations == []
