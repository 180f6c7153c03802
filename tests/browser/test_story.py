"""The line of the product, played by two people: a pipeline runs, the catalog knows it, a metric is drawn."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor

RUN_MILLISECONDS = 60_000


def test_finn_verifies_the_number_by_one_click(visitor: Callable[..., Visitor]) -> None:
    # Before Dan runs anything: a refresh replaces the value with a new one, which nobody has verified yet.
    page = visitor("Finn Oh").open("/catalog/metrics/ops.on_time_rate/")
    page.get_by_role("button", name="Verify").click()
    # No reload: the page follows the worker's run until it knows.
    expect(page.locator("main")).to_contain_text("Same value again", timeout=RUN_MILLISECONDS)


def test_dan_runs_a_pipeline_and_watches_it_to_its_end(visitor: Callable[..., Visitor]) -> None:
    page = visitor("Dan Seo").open("/jobs/load-flights/")
    page.get_by_role("button", name="Run now").first.click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    # No reload from here on: the page follows the run by itself.
    expect(page.locator(".head .title").get_by_text("Succeeded")).to_be_visible(timeout=RUN_MILLISECONDS)
    log = page.locator("#log-lines")
    expect(log).to_contain_text("flights.csv: 336,776 rows")
    expect(log).to_contain_text("published 5 tables")
    for step in ("Extract", "Stage", "Check", "Publish"):
        expect(page.locator(".steps").get_by_text(step, exact=True)).to_be_visible()
    expect(
        page.get_by_role("link", name="ops.flights").or_(page.get_by_role("link", name="Flights")).first
    ).to_be_visible()


def test_a_schedule_says_when_it_starts_and_can_be_paused(visitor: Callable[..., Visitor]) -> None:
    page = visitor("Dan Seo").open("/jobs/load-flights/")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


@pytest.mark.parametrize(("language", "words"), [("en", "flights"), ("ko", "항공편")])
def test_finn_finds_the_flights_in_his_language(
    visitor: Callable[..., Visitor], language: str, words: str
) -> None:
    finn = visitor("Finn Oh", language=language)
    page = finn.open("/")
    page.locator("main input[type=search]").fill(words)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/find/\?"))
    page.locator("a[href='/catalog/datasets/ops.flights/']").first.click()
    expect(page.locator("main")).to_contain_text("336,776")
    page.goto(f"{finn.portal.url}/catalog/datasets/ops.flights/preview/")
    _expect_masked(page, "tailnum")


def _expect_masked(page: Page, column: str) -> None:
    names = page.locator("table.sample thead th code").all_inner_texts()
    place = names.index(column) + 1
    cells = page.locator(f"table.sample tbody td:nth-child({place})").all_inner_texts()
    assert cells
    assert not [cell for cell in cells if re.search(r"\d{2}", cell)], cells


def test_finn_sees_the_storm_below_the_target(visitor: Callable[..., Visitor]) -> None:
    finn = visitor("Finn Oh")
    page = finn.open("/catalog/metrics/ops.on_time_rate/")
    chart = page.locator("figure svg, svg.chart").first
    expect(chart).to_be_visible()
    expect(page.locator("main")).to_contain_text("80")
    page.goto(f"{finn.portal.url}/catalog/metrics/ops.on_time_rate/?grain=month")
    expect(page.locator("main")).to_contain_text(re.compile(r"\d\d\.\d\s?%"))


def test_finn_may_look_at_a_job_but_not_run_it(visitor: Callable[..., Visitor]) -> None:
    finn = visitor("Finn Oh")
    page = finn.open("/jobs/load-flights/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Run now")).to_have_count(0)


def test_a_new_load_asks_for_what_its_choices_need(visitor: Callable[..., Visitor]) -> None:
    dan = visitor("Dan Seo")
    page = dan.open("/jobs/new/extract_load/")
    column, delimiter = page.get_by_label("Partition column"), page.get_by_label("Delimiter")
    expect(column).to_be_hidden()
    expect(delimiter).to_be_hidden()
    page.locator("summary", has_text="How the file is written").click()
    expect(delimiter).to_be_visible()
    page.get_by_label("Mode").select_option("partition")
    expect(column).to_be_editable()
    page.get_by_label("Format").first.select_option("json")
    expect(delimiter).to_be_hidden()
    expect(page.get_by_label("Encoding", exact=True)).to_be_visible()
    # Nothing is left to say of such a file.
    page.get_by_label("Format").first.select_option("parquet")
    expect(page.locator("summary", has_text="How the file is written")).to_be_hidden()
    page.get_by_label("PostgreSQL").check()
    expect(page.get_by_label("Database").first).to_be_visible()
    # What is hidden is not sent: the error speaks of what is missing, and shows its place.
    page.get_by_role("button", name="Make the job").click()
    expect(column).to_be_visible()
    expect(delimiter).to_be_hidden()
    # Chromium reports a form that is refused as an error of its own.
    dan.violations[:] = [each for each in dan.violations if "422" not in each]
