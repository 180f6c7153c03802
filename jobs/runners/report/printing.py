"""The sections of an edition as they go into its files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from catalog.series import period
from jobs.runners.base import Context
from jobs.runners.report import files, pdf, prose
from jobs.runners.report.config import Language, MetricSection, QuerySection, ReportConfig, TextSection
from jobs.runners.report.sections import LANGUAGES, Computed, Headline, Table
from jobs.runners.report.wording import failure_in_words, written
from portal.accounts.models import User
from portal.evidence.blocks import cell, columns_of
from portal.languages import spoken
from portal.ui import formats
from portal.ui.templatetags.desk import change, measured
from portal.warehouse.cells import Cells

# A page is read; who needs every row takes the spreadsheet.
PRINTED_ROWS: Final = 60
PRINTED_COLUMNS: Final = 10
PRINTED_CELL: Final = 200
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Printed:
    """A section with what came out, or with why nothing did."""

    section: TextSection | QuerySection | MetricSection
    computed: Computed | None = None
    failed: dict[str, Any] = field(default_factory=dict)

    def title(self, language: Language) -> str:
        """Return its title in a language; a metric is called as the catalog calls it."""
        if isinstance(self.section, MetricSection):
            if self.computed is None or self.computed.metric is None:
                return self.section.metric
            return str(
                getattr(self.computed.metric.asset, f"name_{language}") or self.computed.metric.asset.name_en
            )
        return str(
            getattr(self.section, f"title_{language}") or self.section.title_en or self.section.title_ko
        )

    def outputs(self) -> dict[str, Any]:
        """Return it as ``record`` takes it."""
        titles = {f"title_{language}": self.title(language) for language in LANGUAGES}
        told: dict[str, Any] = {"kind": self.section.kind, "name": self.section.name, **titles}
        if isinstance(self.section, TextSection):
            return {**told, "text_en": self.section.text_en, "text_ko": self.section.text_ko}
        if self.failed:
            return {**told, "failed": self.failed}
        return {**told, **(self.computed.outputs if self.computed else {})}


def write_files(
    context: Context, config: ReportConfig, printed: Sequence[Printed], *, owner: User | None
) -> list[str]:
    """Write the PDF of each language, the spreadsheet and a CSV for each table; return their names.

    Times in them are the owner's: a file cannot ask who reads it.
    """
    with timezone.override(owner.time_zone if owner else "UTC"):
        return _write_files(context, config, printed, owner=owner.name if owner else "")


def _write_files(
    context: Context, config: ReportConfig, printed: Sequence[Printed], *, owner: str
) -> list[str]:
    stem = f"{context.job_key}-{timezone.localdate():%Y-%m-%d}"
    names = []
    for language in _languages(config):
        names.append(f"{stem}-{language}.pdf")
        path = context.artifact(names[-1], media_type="application/pdf")
        pdf.write(path, _page(config, printed, language=language, owner=owner))
        context.progress(None, names[-1])
    sheets = [
        files.Sheet(each.title("en"), each.computed.table, each.computed.drawn)
        for each in printed
        if each.computed is not None
    ]
    if sheets:
        names.append(f"{stem}.xlsx")
        path = context.artifact(names[-1], media_type=XLSX)
        files.write_xlsx(path, sheets, title=config.title_en, facts=_facts(printed, owner=owner))
    for place, each in enumerate(printed, start=1):
        if each.computed is not None:
            names.append(f"{stem}-{place:02}.csv")
            path = context.artifact(names[-1], media_type="text/csv")
            files.write_csv(path, each.computed.table.chosen())
    return names


def _languages(config: ReportConfig) -> list[Language]:
    """Return the languages that the report is written in: English, and Korean where it has a title in it."""
    return list(LANGUAGES) if config.title_ko else ["en"]


def _facts(printed: Sequence[Printed], *, owner: str) -> list[tuple[str, str]]:
    facts = [("Computed", _now()), ("Owner", owner)]
    for each in printed:
        if each.failed:
            with override("en"):
                facts.append((each.title("en"), failure_in_words(each.failed)))
        elif isinstance(each.section, TextSection):
            facts.append((each.title("en"), prose.plain(each.section.text_en or each.section.text_ko)))
        elif each.computed is not None and "result" in each.computed.outputs:
            facts.append((each.title("en"), each.computed.outputs["result"]["sql"]))
    return facts


def _now() -> str:
    return f"{timezone.localtime():%Y-%m-%d %H:%M %Z}"


def _page(
    config: ReportConfig, printed: Sequence[Printed], *, language: Language, owner: str
) -> dict[str, Any]:
    with override(language):
        lead = _("As of {when}").format(when=_now())
        failed = sum(1 for each in printed if each.failed)
        return {
            "title": getattr(config, f"title_{language}") or config.title_en,
            "author": owner,
            "language": language,
            "lead": f"{lead}, {owner}" if owner else lead,
            "warning": _incomplete(failed),
            "sections": [_section(each, language) for each in printed],
        }


def _incomplete(failed: int) -> str:
    if not failed:
        return ""
    words = ngettext(
        "This edition is incomplete: {count} section is missing.",
        "This edition is incomplete: {count} sections are missing.",
        failed,
    )
    return words.format(count=failed)


def _section(each: Printed, language: Language) -> dict[str, Any]:
    computed = each.computed
    text = spoken(each.section, "text") if isinstance(each.section, TextSection) else ""
    headline = computed.headline if computed else None
    return {
        "title": each.title(language),
        "failed": failure_in_words(each.failed) if each.failed else "",
        "blocks": prose.blocks(text),
        "figure": _figure(headline) if headline else None,
        "chart": pdf.printable(computed.charts.get(language, "")) if computed else "",
        "table": _table(computed.table.chosen(language))
        if computed and not headline and not computed.outputs.get("no_table")
        else None,
        "origin": _origin(computed) if computed else "",
    }


def _figure(headline: Headline) -> dict[str, str]:
    unit = headline.definition.unit
    note = period(headline.starts_on, headline.grain)
    if headline.before is not None and headline.change is not None:
        before = period(headline.before, headline.grain)
        note = _("{period}; {change} against {before}").format(
            period=note, change=change(headline.change, unit), before=before
        )
    return {"value": measured(headline.value, unit), "note": note}


def _table(table: Table) -> dict[str, Any]:
    cells = Cells()
    shown = columns_of(
        [{"name": name, "type": kind} for name, kind in zip(table.columns, table.types, strict=True)]
    )[:PRINTED_COLUMNS]
    rows = [
        [
            _text(written(value, how, numeric=column.numeric))
            for value, how, column in zip(
                cells.row(row[:PRINTED_COLUMNS]), table.formats, shown, strict=False
            )
        ]
        for row in table.rows[:PRINTED_ROWS]
    ]
    cut = len(table.rows) > PRINTED_ROWS or len(table.columns) > PRINTED_COLUMNS
    note = _("Only a part is printed; the spreadsheet holds all {count} rows.").format(
        count=formats.number(len(table.rows))
    )
    return {
        "columns": [{"name": column.name, "numeric": column.numeric} for column in shown],
        "rows": rows,
        "note": note if cut else "",
    }


def _text(value: Any) -> str:
    shown = cell(value)
    return "" if shown is None else str(shown)[:PRINTED_CELL]


def _origin(computed: Computed) -> str:
    result = computed.outputs.get("result")
    if result is None:
        return ""
    return _("Reads {tables} as of snapshot {snapshot}.").format(
        tables=", ".join(result["tables"]) or formats.DASH, snapshot=result["snapshot"]
    )
