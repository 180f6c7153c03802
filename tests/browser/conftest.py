"""A whole portal as a stranger starts it, and Chromium to use it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.stack import Portal, running_portal, wait_for_demo

# Two cores serve the portal, its workers and the browser at once.
expect.set_options(timeout=20_000)

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# First: xdist reads the groups when its own turn comes.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All browser tests share one portal, so they run in one process."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def portal() -> Iterator[Portal]:
    """The portal that all browser tests use, once the demonstration has loaded."""
    with running_portal() as started:
        wait_for_demo(started)
        yield started


# Not for the session: Playwright's loop stays in this thread, where Django then refuses the database.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; without it the tests are skipped, unless REQUIRE_BROWSER=1."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if program is None:
        reason = (
            "no Chromium found; install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        )
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser window of their own."""

    def __init__(self, portal: Portal, context: BrowserContext) -> None:
        self.portal = portal
        self.context = context
        self.page: Page = context.new_page()
        self.violations: list[str] = []
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.violations.append(str(error)))

    def _listen(self, message: Any) -> None:
        if "Content Security Policy" in message.text or message.type == "error":
            self.violations.append(message.text)

    def open(self, path: str) -> Page:
        """Go to a path of the portal."""
        self.page.goto(self.portal.url + path)
        return self.page

    def sign_in(self, name: str) -> None:
        """Choose one of the cast on the sign-in page."""
        self.open("/account/login/").get_by_role("button", name=name).click()
        self.page.wait_for_url(f"{self.portal.url}/")


@pytest.fixture
def visitor(portal: Portal, chromium: Browser) -> Iterator[Any]:
    """Make visitors: ``visitor("Dan Seo", theme="dark", language="ko", width=390)``."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def make(name: str, *, theme: str = "light", language: str = "en", width: int = 1440) -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 600 else 844},
            color_scheme="dark" if theme == "dark" else "light",
            locale={"en": "en-GB", "ko": "ko-KR"}[language],
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        somebody = Visitor(portal, context)
        visitors.append(somebody)
        somebody.sign_in(name)
        return somebody

    yield make
    for context in contexts:
        context.close()
    assert [violation for somebody in visitors for violation in somebody.violations] == []
