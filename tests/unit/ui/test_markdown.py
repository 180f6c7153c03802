"""Emphasis beside Hangul, and what stays as CommonMark has it."""

import pytest

from jobs.runners.report import prose
from portal.ui.markdown import render


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("지연율은 **3.6%**예요.", "지연율은 <strong>3.6%</strong>예요."),
        ('그는 **"말"**이 많아요.', '그는 <strong>"말"</strong>이 많아요.'),
        ("총**(합계)**는 *“끝”*이에요.", "총<strong>(합계)</strong>는 <em>“끝”</em>이에요."),
        ("a * b * c", "a * b * c"),
        ("가 * 나 * 다", "가 * 나 * 다"),
        ("값*, 합계*", "값*, 합계*"),
        ("snake_case_name", "snake_case_name"),
        ("이름은 snake_case_이름", "이름은 snake_case_이름"),
        ("**3.6%**of", "**3.6%**of"),
        ("**bold** and *lean*", "<strong>bold</strong> and <em>lean</em>"),
    ],
)
def test_stars_beside_hangul_mean_emphasis(written: str, shown: str) -> None:
    assert render(written) == f"<p>{shown}</p>\n"


def test_the_pdf_emphasises_what_the_page_does() -> None:
    (block,) = prose.blocks("**3.6%**예요.")
    assert [(span["text"], span["bold"]) for span in block["spans"]] == [("3.6%", True), ("예요.", False)]


def test_a_table_of_a_text_is_one_in_the_pdf() -> None:
    (table,) = prose.blocks("| Carrier | Late |\n|---|---:|\n| **UA** | 12% |\n| AA |\n")
    told = [["".join(span["text"] for span in cell) for cell in row] for row in table["rows"]]
    assert (table["kind"], told) == ("table", [["Carrier", "Late"], ["UA", "12%"], ["AA", ""]])
    assert table["rows"][1][0][0]["bold"]


def test_a_link_keeps_its_address_in_the_pdf_where_paper_may_lead_there() -> None:
    (block,) = prose.blocks(
        "[a](https://example.org/a) [b](/catalog/) [c](javascript:x) ~~d~~ [`e`](mailto:e@example.org)"
    )
    led = [(span["text"].strip(), span["url"]) for span in block["spans"] if span["text"].strip()]
    assert led == [
        ("a", "https://example.org/a"),
        ("b", ""),
        ("[c](javascript:x)", ""),
        ("d", ""),
        ("e", "mailto:e@example.org"),
    ]
    assert [span["text"] for span in block["spans"] if span["struck"]] == ["d"]
