"""A report is written with a live preview, makes its first edition, and that is there to read."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor

WORKER_MILLISECONDS = 60_000
SQL = "SELECT origin, count(*) AS flights FROM ops.flights GROUP BY origin ORDER BY origin"
SECTIONS = "config.sections"


def test_a_report_is_written_previewed_and_read(visitor: Callable[..., Visitor]) -> None:
    ben = visitor("Ben Cho")
    page = ben.open("/reports/new/")
    page.locator("[name=name_en]").fill("Flights by airport")
    _add(page, 0, "text")
    page.locator(f"[name='{SECTIONS}.0.text.text_en']").fill("All **three** airports.")
    preview = page.locator("#report-preview")
    expect(preview.locator("strong")).to_have_text("three")
    _add(page, 1, "query")
    page.locator(f"[name='{SECTIONS}.1.query.title_en']").fill("Airports")
    page.locator(f"[name='{SECTIONS}.1.query.sql']").fill("SELECT nothing\nFROM ops.flights")
    expect(preview).to_contain_text("Line 1, column 8")
    page.locator(f"[name='{SECTIONS}.1.query.sql']").fill(SQL)
    expect(preview).to_contain_text("EWR", timeout=WORKER_MILLISECONDS)
    # The text moves behind the query, and both are still shown.
    page.locator(f"button[value='up {SECTIONS} 1']").click()
    expect(preview.locator("section").first).to_contain_text("EWR", timeout=WORKER_MILLISECONDS)
    page.get_by_role("button", name="Make the report").click()
    page.wait_for_url(re.compile(r"/reports/flights-by-airport/$"))
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    expect(page.locator(".head")).to_contain_text("Succeeded", timeout=WORKER_MILLISECONDS)
    page = ben.open("/reports/flights-by-airport/")
    expect(page.locator("main")).to_contain_text("LGA")
    expect(page.locator("main")).to_contain_text("PDF, English")
    assert ben.violations == []


def _add(page: Page, place: int, kind: str) -> None:
    page.locator(f"button[value='add {SECTIONS}']").click()
    page.locator(f"input[name='{SECTIONS}.{place}:choice'][value={kind}]").check()
