"""Editions of reports as their pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from catalog.definitions import Direction, MetricDefinition
from catalog.models import Dataset, Metric, MetricVersion
from catalog.series import period
from jobs.choices import REPORT_KIND, RunState
from jobs.history import Past, last_successes, recent_runs
from jobs.models import Artifact, EditionChart, Job, Run
from jobs.models.job import JobQuerySet
from jobs.models.run import RunQuerySet
from jobs.runners.report.recording import CITER
from jobs.runners.report.wording import failure_in_words, written
from portal.accounts.models import User
from portal.evidence.blocks import NOTHING, Block, Origin, ShownTable, blocks, drawn_of
from portal.evidence.models import Citation
from portal.languages import spoken
from portal.ui import markdown
from portal.ui.templatetags.desk import measured

Cell = tuple[Any, bool]


def reports_for(user: User) -> JobQuerySet:
    """Return the reports that this person may know of."""
    return Job.objects.visible_to(user).filter(kind=REPORT_KIND)


@dataclass(frozen=True, slots=True)
class Row:
    """A report in the list."""

    job: Job
    edition: Run | None
    last: Past | None
    next_slot: datetime | None


def rows_of(jobs: list[Job], reader: User) -> list[Row]:
    """Return the list's rows: each report's newest edition and last run, in two queries for them all."""
    keys = [job.pk for job in jobs]
    recent, newest = recent_runs(keys, count=1, reader=reader), last_successes(keys)
    found = []
    for job in jobs:
        slots = [each.next_slot for each in job.schedules.all() if each.enabled and each.next_slot]
        last = recent[job.pk][-1] if job.pk in recent else None
        found.append(Row(job, newest.get(job.pk), last, min(slots, default=None)))
    return found


@dataclass(frozen=True, slots=True)
class Figure:
    """The figure of a metric at the time of the edition."""

    definition: MetricDefinition
    period: str
    value: float
    change: float | None
    period_before: str
    values: list[float | None]

    @property
    def tone(self) -> str:
        """The tone of the change: good or bad by the metric's direction."""
        if not self.change or self.definition.direction is Direction.BAND:
            return "neutral"
        return "good" if (self.change > 0) == (self.definition.direction is Direction.UP) else "bad"


@dataclass(frozen=True, slots=True)
class Shown:
    """A section of an edition as one person may read it."""

    name: str
    title: str
    text: SafeString = NOTHING
    failed: str = ""
    figure: Figure | None = None
    block: Block | None = None
    wide: SafeString = NOTHING
    narrow: SafeString = NOTHING
    folded: bool = False
    columns: Sequence[dict[str, str]] = ()
    hidden: bool = False
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file of an edition under the name by which people look for it."""

    label: str
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition with the sections that were computed, failed, or are hidden from this person."""

    run: Run
    sections: list[Shown]
    files: list["File"]
    files_hidden: bool

    @property
    def failed(self) -> int:
        """How many sections are missing."""
        return sum(1 for each in self.sections if each.failed)


def edition_of(run: Run, reader: User, *, files: bool = True) -> Edition:
    """Return an edition as this person may read it; the same number of queries whatever it holds."""
    sections: list[dict[str, Any]] = run.outputs.get("sections") or []
    metrics = _metrics(sections, reader)
    found = {str(block.evidence.pk): block for block in _blocks(run, sections, reader, metrics)}
    kept = list(run.artifacts.all()) if files else []
    drawn = dict(EditionChart.objects.filter(run=run).values_list("section", "drawn")) if metrics else {}
    hidden = any(block.hidden for block in found.values())
    return Edition(
        run=run,
        sections=[_shown(section, found, metrics, drawn) for section in sections],
        files=[] if hidden else [File(_label(each.name, sections), each) for each in kept],
        files_hidden=hidden and bool(kept),
    )


def _label(name: str, sections: list[dict[str, Any]]) -> str:
    """Say what is in a file; its own name says when it was made."""
    stem, _dot, kind = name.rpartition(".")
    last = stem.rpartition("-")[2]
    if kind == "pdf":
        return f"PDF, {'한국어' if last == 'ko' else 'English'}"
    if kind == "csv" and last.isdigit() and 0 < int(last) <= len(sections):
        return f"CSV, {spoken(sections[int(last) - 1], 'title')}"
    return _("Spreadsheet") if kind == "xlsx" else name


def block_of(run: Run, citation: Citation, reader: User) -> Block:
    """Return the block of one citation of an edition; whoever asks must be known to see it."""
    sections: list[dict[str, Any]] = run.outputs.get("sections") or []
    found = _blocks(run, sections, reader, _metrics(sections, reader))
    return next(block for block in found if block.citation.pk == citation.pk)


def _metrics(sections: list[dict[str, Any]], reader: User) -> dict[tuple[str, int], MetricVersion]:
    keys = {section["metric"] for section in sections if "metric" in section}
    if not keys:
        return {}
    seen = Metric.objects.visible_to(reader).filter(asset__key__in=keys)
    versions = MetricVersion.objects.filter(metric__in=seen).select_related("metric__asset")
    return {(version.metric.asset.key, version.number): version for version in versions}


def _blocks(
    run: Run,
    sections: list[dict[str, Any]],
    reader: User,
    metrics: Mapping[tuple[str, int], MetricVersion],
) -> list[Block]:
    cited = list(Citation.objects.about(CITER, str(run.pk)).select_related("evidence", "evidence__result"))
    titles = {section.get("evidence"): spoken(section, "title") for section in sections}
    closed = {
        section.get("evidence")
        for section in sections
        if "metric" in section and (section["metric"], section.get("version")) not in metrics
    }
    for each in cited:
        each.title = titles.get(str(each.evidence_id)) or each.title
    tables = {table for each in cited for table in each.evidence.tables}
    seen = Dataset.objects.visible_to(reader).filter(physical_name__in=tables)
    origins = {
        name: Origin(("dataset", key), snapshot)
        for name, key, snapshot in seen.values_list("physical_name", "asset__key", "snapshot")
    }
    open_to_them = [each for each in cited if str(each.evidence_id) not in closed]
    found = blocks(
        open_to_them,
        reader=reader,
        origins=origins,
        url=lambda each: reverse("report_evidence", args=[run.job.key, run.number, each.pk]),
        # A table that no dataset describes is nobody's to show.
        hidden=tables - origins.keys(),
    )
    shut = [each for each in cited if str(each.evidence_id) in closed]
    return found + [Block(citation=each, evidence=each.evidence, hidden=True, url="") for each in shut]


def _shown(
    section: dict[str, Any],
    found: Mapping[str, Block],
    metrics: Mapping[tuple[str, int], MetricVersion],
    drawn: Mapping[str, dict[str, dict[str, str]]],
) -> Shown:
    name, title = section.get("name", ""), spoken(section, "title")
    if section.get("kind") == "text":
        return Shown(name, title, text=markdown.render(spoken(section, "text")))
    if section.get("failed"):
        return Shown(name, title, failed=failure_in_words(section["failed"]))
    block = found.get(section.get("evidence", ""))
    if block is None:
        return Shown(name, title, forgotten=True)
    if block.hidden:
        return Shown(name, title, block=block, hidden=True)
    version = metrics.get((section.get("metric", ""), section.get("version", 0)))
    if version is None:
        columns = section.get("columns") or []
        block = replace(block, table=arranged_table(block.table, columns))
        return Shown(name, title, block=block, columns=columns, folded=bool(section.get("no_table")))
    block = replace(block, table=_series_table(block.table, version.parsed))
    chart = drawn_of(drawn.get(name) or {})
    if "chart" in section:
        # The edition's own stands for what the evidence has of all periods.
        block = replace(block, wide=NOTHING, narrow=NOTHING)
    return Shown(
        name,
        title,
        figure=_figure(section, block, version.parsed),
        block=block,
        wide=chart.get("wide", NOTHING),
        narrow=chart.get("narrow", NOTHING),
        folded=True,
    )


def arranged_table(table: ShownTable | None, columns: Sequence[Mapping[str, str]]) -> ShownTable | None:
    """Return the table with the chosen columns only, under their headings and written in their formats.

    Where none were chosen all are shown as they come.
    """
    if table is None:
        return None
    places = {column.name: place for place, column in enumerate(table.columns)}
    chosen = [(places[each["name"]], each) for each in columns if each["name"] in places]
    if not columns:
        usual = {"format": "usual"}
        chosen = [(place, {"name": each.name, **usual}) for place, each in enumerate(table.columns)]

    def arranged(rows: list[list[Cell]]) -> list[list[Cell]]:
        return [
            [
                (written(row[place][0], each["format"], numeric=row[place][1]), row[place][1])
                for place, each in chosen
            ]
            for row in rows
        ]

    return ShownTable(
        columns=[
            replace(table.columns[place], name=spoken(each, "title") or each["name"], heading="")
            if columns
            else table.columns[place]
            for place, each in chosen
        ],
        head=arranged(table.head),
        more=arranged(table.more),
        kept=table.kept,
    )


def _series_table(table: ShownTable | None, definition: MetricDefinition) -> ShownTable | None:
    """Return the periods of a metric, their values with its unit."""
    if table is None:
        return None

    def shown(rows: list[list[Cell]]) -> list[list[Cell]]:
        return [
            [
                (day, False),
                (measured(None if value is None else float(value), definition.unit), True),
                (written(sample, "usual"), True),
            ]
            for (day, _is_text), (value, _is_number), (sample, _is_whole) in rows
        ]

    return replace(table, head=shown(table.head), more=shown(table.more))


def _figure(section: dict[str, Any], block: Block, definition: MetricDefinition) -> Figure | None:
    rows = {row[0]: row[1] for row in block.evidence.result.rows} if _has_result(block) else {}
    value, before = rows.get(section["starts_on"]), rows.get(section["before"])
    if value is None:
        return None
    grain = section["grain"]
    last = [kept for starts_on, kept in rows.items() if starts_on <= section["starts_on"]]
    return Figure(
        definition=definition,
        period=period(_day(section["starts_on"]), grain),
        value=value,
        change=None if before is None else value - before,
        period_before="" if before is None else period(_day(section["before"]), grain),
        values=last[-int(section.get("periods", 13)) :],
    )


def _has_result(block: Block) -> bool:
    return hasattr(block.evidence, "result")


def _day(text: str) -> Any:
    return datetime.fromisoformat(text).date()


def editions(job: Job) -> RunQuerySet:
    """Return all editions of a report, the newest first."""
    return Run.objects.filter(job=job, state=RunState.SUCCEEDED).select_related("job").order_by("-pk")


def editions_of(job: Job, *, most: int) -> list[Run]:
    """Return the last editions of a report, the newest first."""
    return list(editions(job)[:most])
