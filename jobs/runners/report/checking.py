"""Judge what somebody writes into a report by their own rights, since it is run with those of its owner."""

from collections.abc import Collection, Iterator
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from catalog.models import Metric
from catalog.readable import readable_tables
from jobs.runners.report.config import MetricSection, QuerySection, ReportConfig
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.said import said, said_of
from portal.warehouse.errors import RefusedSql
from portal.warehouse.linting import named_columns, prepare

# The lake's dialect; every warehouse of ours so far is one.
DIALECT = "duckdb"


def refusals(config: Any, parameters: Collection[str], writer: User) -> Iterator[tuple[str, str]]:
    """Yield field and reason for each section that reads what its writer may not.

    ``parameters`` are the names of the report's own, which serve all its queries.
    Otherwise whoever may edit a report could ask in the name of its owner, and learn from what fails.
    A configuration that does not fit its model yields nothing: that is told elsewhere.
    """
    try:
        sections = ReportConfig.model_validate(config).sections
    except ValidationError:
        return
    tables = readable_tables(writer, for_others=True)
    seen = Metric.objects.visible_to(writer)
    for place, section in enumerate(sections):
        if isinstance(section, QuerySection):
            field = f"config.sections.{place}.sql"
            if not writer.may(Permission.RUN_SQL):
                yield field, _("You may not run SQL.")
                continue
            try:
                prepared = prepare(
                    section.sql, dialect=DIALECT, tables=tables, parameters={*section.parameters, *parameters}
                )
            except RefusedSql as error:
                yield field, told(error)
            else:
                for part, reason in _missing_columns(section, prepared.sql):
                    yield f"config.sections.{place}.{part}", reason
        elif isinstance(section, MetricSection) and not seen.filter(asset__key=section.metric).exists():
            yield f"config.sections.{place}.metric", _("There is no such metric.")


def _missing_columns(section: QuerySection, sql: str) -> Iterator[tuple[str, str]]:
    """Yield where a section names a column that its query does not give, as far as the SQL says which."""
    given = named_columns(sql, dialect=DIALECT)
    asked = [(f"columns.{place}.name", each.name) for place, each in enumerate(section.columns)]
    if section.chart.kind != "none":
        asked += [("chart.x", section.chart.x), *(("chart.y", name) for name in section.chart.y)]
        asked += [("chart.series", section.chart.series)] if section.chart.series else []
    for part, name in asked if given else []:
        if name not in given:
            words = _("The query gives no column «{column}». It gives: {columns}.")
            yield part, words.format(column=name, columns=", ".join(given))


def unknown_recipients(config: Any) -> Iterator[tuple[str, str]]:
    """Yield field and reason for each person and team that a report names and that is not here.

    A configuration that does not fit its model yields nothing: that is told elsewhere.
    """
    try:
        report = ReportConfig.model_validate(config)
    except ValidationError:
        return
    active = User.objects.filter(is_active=True, email__in=report.people)
    people = set(active.values_list("email", flat=True))
    for place, email in enumerate(report.people):
        if email not in people:
            yield f"config.people.{place}", _("Nobody here has the address {email}.").format(email=email)
    teams = set(Team.objects.filter(key__in=report.teams).values_list("key", flat=True))
    for place, key in enumerate(report.teams):
        if key not in teams:
            yield f"config.teams.{place}", _("There is no team with the key {key}.").format(key=key)


def told(error: RefusedSql) -> str:
    """Return the linter's words with the place that they speak of."""
    if error.line is None:
        return said_of(error)
    if error.column is None:
        return said("Line %(line)s: %(why)s", line=error.line, why=said_of(error))
    return said(
        "Line %(line)s, column %(column)s: %(why)s", line=error.line, column=error.column, why=said_of(error)
    )
