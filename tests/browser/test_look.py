"""Every page, looked at by axe: both themes and languages, wide and narrow; nothing sticks out sideways.

With SCREENS set to a folder each page is also kept there as a picture.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Visitor

LOOKS = [
    pytest.param("light", "en", 1440, True, id="light-en-wide"),
    pytest.param("dark", "ko", 390, True, id="dark-ko-narrow"),
    # Two looks hold each theme, language and width for axe; whether a page fits depends on two of them.
    pytest.param("light", "ko", 1440, False, id="light-ko-wide"),
    pytest.param("dark", "en", 390, False, id="dark-en-narrow"),
]
PAGES = {
    "today": "/",
    "find": "/find/?q=flights",
    "requests": "/requests/",
    "requests-all": "/requests/?view=all",
    "requests-none": "/requests/?view=all&q=zzzzzz",
    "ask": "/requests/ask/?title=How+many+flights+were+late+in+June",
    "triage": "/requests/triage/",
    "question": "/requests/1001/",
    "inbox": "/inbox/",
    "wishes": "/account/notifications/",
    "deliveries": "/audit/deliveries/",
    "queries": "/queries/",
    "reports": "/reports/",
    "report": "/reports/flights-month-by-month/",
    "report-compare": "/reports/flights-month-by-month/compare/",
    "report-new": "/reports/new/",
    "thread": "/discussion/dataset/ops.flights/",
    "catalog": "/catalog/",
    "search": "/catalog/?q=weather",
    "no-hits": "/catalog/?q=zzzzzz",
    "dataset": "/catalog/datasets/ops.flights/",
    "columns": "/catalog/datasets/ops.flights/columns/",
    "preview": "/catalog/datasets/ops.flights/preview/",
    "lineage": "/catalog/datasets/ops.flights/lineage/",
    "metric": "/catalog/metrics/ops.on_time_rate/",
    "definition": "/catalog/metrics/ops.on_time_rate/definition/",
    "jobs": "/jobs/",
    "job": "/jobs/load-flights/",
    "schedule": "/jobs/load-flights/schedules/new/",
    "new-data": "/jobs/load-flights/data/new/",
    "backfill-none": "/jobs/load-flights/backfill/",
    "backfill-new": "/jobs/load-daily-weather/backfill/",
    "backfill": "/backfills/1/",
    "queues": "/queues/",
    "runs": "/runs/",
    "day": "/runs/day/",
    "job-new": "/jobs/new/",
    "job-make": "/jobs/new/metric_refresh/",
    "job-copy": "/jobs/new/python/?from=load-flights",
    "job-versions": "/jobs/load-flights/versions/",
    "run": "/runs/1/",
    "log": "/runs/1/log/",
    "files": "/files/",
    "files-folder": "/files/?folder=demo",
    "files-delete": "/files/delete/?path=demo/holidays-2013.csv",
    "job-of-file": "/jobs/new/extract_load/?source=demo/holidays-2013.csv",
    "secrets": "/secrets/",
    "secret": "/secrets/add/",
    "webhooks": "/webhooks/",
    "webhook": "/webhooks/add/",
    "profile": "/account/",
    "tokens": "/account/tokens/",
    "sessions": "/account/sessions/",
    "people": "/people/",
    "audit": "/audit/",
    "api-docs": "/api/docs/",
    "gallery": "/ui/",
    "missing": "/catalog/datasets/nothing/",
}


def _problems(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]
    ]


def _keep(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(("theme", "language", "width", "axe"), LOOKS)
def test_each_page_is_accessible_and_fits(
    visitor: Callable[..., Visitor], theme: str, language: str, width: int, axe: bool
) -> None:
    # Cleo sees everything that there is to see.
    cleo = visitor("Cleo Han", theme=theme, language=language, width=width)
    faults: dict[str, object] = {}
    for name, path in PAGES.items():
        page = cleo.open(path)
        assert page.locator("html").get_attribute("lang") == language
        _keep(page, f"{name}-{theme}-{language}-{width}")
        if axe and (problems := _problems(page)):
            faults[name] = problems
        sideways = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if sideways > 0:
            faults[f"{name} (width)"] = f"sticks out by {sideways} px"
        if language == "ko" and not re.search(r"[가-힣]", page.locator("main").inner_text()):
            faults[f"{name} (language)"] = "no Korean on it"
    # A missing page is a 404 by design; Chromium reports that as an error of its own.
    cleo.violations[:] = [each for each in cleo.violations if "404" not in each]
    assert faults == {}


@pytest.mark.parametrize(("theme", "language", "width", "axe"), LOOKS)
def test_the_sign_in_page_is_accessible_and_fits(
    visitor: Callable[..., Visitor], theme: str, language: str, width: int, axe: bool
) -> None:
    somebody = visitor("Ada Yoon", theme=theme, language=language, width=width)
    somebody.context.clear_cookies()
    page = somebody.open("/account/login/")
    _keep(page, f"sign-in-{theme}-{language}-{width}")
    assert not axe or _problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
