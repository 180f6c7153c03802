"""Forms that come back show what to mend."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitor


def test_a_refused_form_begins_at_the_first_field_to_mend(visitor: Callable[..., Visitor]) -> None:
    dan = visitor("Dan Seo", width=390)
    page = dan.open("/webhooks/add/")
    page.locator("[name=name]").fill("Stock")
    page.locator("[name=url]").fill("https://stock.example.com/hook")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.locator("main .error")).to_be_in_viewport()
    expect(page.locator("[name=events]").first).to_be_focused()
    # The line that narrows the list belongs to the list, not to the address above it.
    assert page.locator("fieldset > .narrow").count() == 1
    # All of a group is one click, and half of it shows as such; a list that is narrowed keeps no empty group.
    runs = page.locator("fieldset.group").filter(has=page.locator("[value='run.failed']"))
    all_runs = runs.locator(".all input")
    all_runs.check()
    assert runs.locator("[name=events]:checked").count() == runs.locator("[name=events]").count() == 5
    runs.locator("[value='run.failed']").uncheck()
    assert all_runs.evaluate("box => box.indeterminate && !box.checked")
    assert page.locator("fieldset.group:visible").count() == 5
    page.locator("fieldset > .narrow").fill("published")
    assert page.locator("fieldset.group:visible").count() == 1
    # A refused form answers 422 by design; Chromium reports that as an error of its own.
    dan.violations[:] = [each for each in dan.violations if "422" not in each]


def test_a_file_whose_name_is_taken_is_replaced_by_one_click(visitor: Callable[..., Visitor]) -> None:
    dan = visitor("Dan Seo")
    page = dan.open("/files/")

    def upload(content: bytes) -> None:
        page.locator("#upload-file").set_input_files(
            {"name": "prices.csv", "mimeType": "text/csv", "buffer": content}
        )

    upload(b"a\n1\n")
    row = page.locator("#source-files tr", has_text="prices.csv")
    expect(row).to_contain_text("4 B")
    upload(b"a\n1\n2\n3\n")
    expect(page.locator("[data-sent] .refused")).to_contain_text("already something of this name")
    expect(row).to_contain_text("4 B")
    page.get_by_role("button", name="Replace it").click()
    expect(page.locator("[data-sent] .refused")).to_have_count(0)
    expect(row).to_contain_text("8 B")
    dan.violations[:] = [each for each in dan.violations if "422" not in each]
