"""What a report that is still being written would show: texts at once, queries by workers as evidence is.

A section's query is asked for once as long as it stays the same; what it said before is stopped.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from pydantic import TypeAdapter, ValidationError

from catalog.readable import readable_tables
from catalog.series import period
from jobs import queries
from jobs.actions import runs
from jobs.actions.queries import DIALECT, ask_once
from jobs.choices import QUERY_JOB, RunState
from jobs.complaints import complaints
from jobs.exceptions import CancelMissed, InvalidParameters, JobDisabled, RunAlreadyEnded, TooManyQueries
from jobs.models import Run
from jobs.queries import Problem, parameters_in, problem, problem_of
from jobs.reports import Figure, arranged_table
from jobs.runners.report.config import MOST_SECTIONS, MetricSection, QuerySection, Section, TextSection
from jobs.runners.report.sections import SectionFailed, read_metric
from jobs.runners.report.wording import failure_in_words
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from portal.evidence.blocks import NOTHING, ShownTable, table_of
from portal.languages import spoken
from portal.ui import markdown
from portal.warehouse.errors import RefusedSql
from portal.warehouse.linting import ReadableTable, prepare

_SECTION: Final[TypeAdapter[TextSection | QuerySection | MetricSection]] = TypeAdapter(Section)


@dataclass(frozen=True, slots=True)
class Previewed:
    """A section as it would look, why it would not, or how far it is."""

    title: str = ""
    text: SafeString = NOTHING
    figure: Figure | None = None
    table: ShownTable | None = None
    wide: SafeString = NOTHING
    narrow: SafeString = NOTHING
    found: str = ""
    chart_problem: str = ""
    problem: Problem | None = None
    unfinished: list[str] = field(default_factory=list)
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """All sections; while ``is_open`` the page asks again."""

    sections: list[Previewed]

    @property
    def is_open(self) -> bool:
        """Whether a query is still to be answered."""
        return any(each.doing for each in self.sections)


@dataclass(slots=True)
class Previewer:
    """Preview sections for one person: ``once`` names their editor, ``values`` are parameters' defaults."""

    user: User
    by: Actor
    once: str
    values: Mapping[str, Any]
    _tables: dict[str, ReadableTable] | None = field(default=None, init=False)
    _asked: list[Any] = field(default_factory=list, init=False)

    def preview(self, sections: list[Any]) -> Preview:
        """Return what these sections (of a configuration, not checked yet) would show."""
        shown = [self._section(each) for each in sections[:MOST_SECTIONS]]
        self._stop_others()
        return Preview(shown)

    def _section(self, given: Any) -> Previewed:
        if not isinstance(given, Mapping) or not given.get("kind"):
            return Previewed(unfinished=[_("Choose what this section is.")])
        title = spoken(given, "title")
        try:
            section = _SECTION.validate_python(given)
        except ValidationError as error:
            return Previewed(title=title, unfinished=[each["message"] for each in complaints(error)])
        match section:
            case TextSection():
                return Previewed(title=title, text=markdown.render(spoken(section, "text")))
            case MetricSection():
                return self._metric(section)
        return self._query(section, title)

    def _metric(self, section: MetricSection) -> Previewed:
        try:
            read = read_metric(section, owner=self.user)
        except SectionFailed as failure:
            return Previewed(section.metric, problem=Problem(failure_in_words({"why": failure.why})))
        figure, before = read.figure, read.figure.before
        return Previewed(
            read.metric.asset.name,
            figure=Figure(
                definition=read.definition,
                period=period(figure.point.starts_on, read.grain),
                value=figure.value,
                change=figure.change,
                period_before=period(before.starts_on, read.grain) if before else "",
                values=[each.value for each in read.whole],
            ),
        )

    def _query(self, section: QuerySection, title: str) -> Previewed:
        values = {**section.parameters, **self.values}
        if not self.user.may(Permission.RUN_SQL):
            return Previewed(title, problem=Problem(_("You may not run SQL.")))
        missing = [name for name in parameters_in(section.sql) if name not in values]
        if missing:
            words = _("Give {names} a default, so that there is something to show.")
            return Previewed(title, problem=Problem(words.format(names=", ".join(f"${n}" for n in missing))))
        try:
            # As the edition reads: what is masked for others stays out, even where the writer may see it.
            prepared = prepare(
                section.sql, dialect=DIALECT, tables=self._readable(), parameters=values.keys()
            )
        except RefusedSql as error:
            told = problem(str(error), section.sql, error.line, error.column)
            return Previewed(title, problem=told)
        used = {name: values[name] for name in prepared.parameters}
        try:
            run = self._run(prepared.sql, used, section)
        except TooManyQueries:
            return Previewed(title, doing=_("Waiting for your other queries"))
        except InvalidParameters as error:
            return Previewed(title, problem=Problem(str(error)))
        except JobDisabled:
            words = _("Queries are switched off. Somebody who may edit jobs can switch them on.")
            return Previewed(title, problem=Problem(words))
        return _answered(run, section, title)

    def _readable(self) -> dict[str, ReadableTable]:
        if self._tables is None:
            self._tables = readable_tables(self.user, for_others=True)
        return self._tables

    def _run(self, sql: str, used: Mapping[str, Any], section: QuerySection) -> Run:
        said = json.dumps([sql, dict(used), section.chart.model_dump()], sort_keys=True, default=str)
        key = f"preview:{self.once}:{hashlib.sha256(said.encode()).hexdigest()[:32]}"
        # What was stopped, and is wanted again, is asked for anew.
        stopped = self._own().filter(idempotency_key__startswith=key, state=RunState.CANCELLED).count()
        run = ask_once(
            sql=sql,
            parameters=used,
            chart=section.chart,
            by=self.by,
            requested_by=self.user,
            idempotency_key=f"{key}:{stopped}",
        ).run
        self._asked.append(run.pk)
        return run

    def _own(self) -> Any:
        return Run.objects.filter(job__key=QUERY_JOB, requested_by=self.user)

    def _stop_others(self) -> None:
        """Stop what this editor asked for and wants no more, so that it holds no place."""
        mine = self._own().open().filter(idempotency_key__startswith=f"preview:{self.once}:")
        for run in mine.filter(cancel_requested_at=None).exclude(pk__in=self._asked):
            with suppress(RunAlreadyEnded, CancelMissed):
                runs.cancel(run=run, by=self.by)


def _answered(run: Run, section: QuerySection, title: str) -> Previewed:
    if run.is_open:
        running = run.state == RunState.RUNNING
        return Previewed(title, doing=_("Reading the lake") if running else _("Waiting for a worker"))
    told = problem_of(run)
    answer = queries.answer_of(run) if told is None else None
    if answer is None:
        return Previewed(title, problem=told or Problem(_("The answer is not kept any more.")))
    columns = [each.model_dump() for each in section.columns]
    if not {each["name"] for each in columns} <= {each.name for each in answer.columns}:
        return Previewed(title, problem=Problem(failure_in_words({"why": "no_column"})))
    table = table_of(answer.evidence.result)
    return Previewed(
        title,
        table=None if section.no_table else arranged_table(table, columns),
        wide=answer.wide,
        narrow=answer.narrow,
        found=answer.found,
        chart_problem=answer.chart_problem,
    )
