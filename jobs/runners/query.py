"""The kind ``query``: answers one SELECT that a person wrote, and keeps the answer as evidence."""

import json
import time
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field

from catalog.readable import readable_tables
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.evidence.actions import record_result
from portal.evidence.hashing import MOST_ROWS, result_hash
from portal.said import said_of
from portal.ui.result_chart import ChartChoice, ChartRefused, draw
from portal.warehouse.cells import Cells
from portal.warehouse.errors import QueryFailed, QueryTooLarge, RefusedSql
from portal.warehouse.linting import Prepared, prepare
from portal.warehouse.port import Reading, Warehouse
from portal.warehouse.sealing import unsealed


class QueryConfig(BaseModel):
    """The limits of one query; what is read beyond what is kept counts for the hash only."""

    model_config = ConfigDict(extra="forbid")

    timeout: float = Field(default=60.0, gt=0, description="Seconds that the query may take.")
    kept_rows: int = Field(default=1_000, ge=1, description="Rows that are kept and shown.")
    read_rows: int = Field(default=MOST_ROWS, ge=1, le=MOST_ROWS, description="Rows that are read at most.")
    kept_bytes: int = Field(default=2_000_000, ge=1_000, description="Size of the kept rows as JSON.")
    read_bytes: int = Field(default=64_000_000, ge=1_000, description="Size of the read rows, roughly.")


class NobodyAsked(Exception):
    """A query needs somebody who may run it; the person who asked is gone or may not any more."""

    error_class = "bad_input"

    def __init__(self) -> None:
        super().__init__("Whoever asked this may not run SQL any more.")


class QueryRefused(Exception):
    """The query is refused, by our rules or by the engine in its own words; trying again would not help."""

    error_class = "bad_input"

    def __init__(self, error: QueryFailed | RefusedSql) -> None:
        super().__init__(said_of(error))
        if isinstance(error, RefusedSql):
            self.error_class = "settings"
        self.line, self.column = error.line, error.column


class QueryRunner:
    """Read with the asker's rights of this moment, keep the first rows, draw the chosen chart."""

    Config: type[BaseModel] = QueryConfig
    label = _("Query")
    icon = "search"
    confined = True
    docs = _(
        "Answers a SELECT that somebody wrote, on the newest snapshot, and keeps the answer as evidence."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return no steps: it is over before anybody could read their names."""
        return []

    def run(self, context: Context) -> dict[str, Any]:
        """Return everything that ``record`` keeps as evidence under ``result``."""
        config, params = context.config, context.params
        with context.reading() as warehouse:
            # Asked again here: a table may have been withdrawn since the query was queued.
            prepared = _prepare(context, warehouse)
            began = time.monotonic()
            # Only these are kept: who computes it again binds them all, and the engine refuses unused ones.
            used = {
                name: value for name, value in params["parameters"].items() if name in prepared.parameters
            }
            reading = _read(warehouse, prepared, used, config)
            took = round((time.monotonic() - began) * 1000)
            engine, dialect = warehouse.engine, warehouse.dialect
        cells = Cells()
        rows = _kept(reading, cells, config)
        charts, problem = _draw(reading, len(rows), params.get("chart"))
        return {
            "result": {
                "sql": prepared.sql,
                "parameters": used,
                "dialect": dialect,
                "engine": engine,
                "snapshot": reading.snapshot,
                "tables": list(prepared.tables),
                "columns": [
                    {"name": name, "type": kind}
                    for name, kind in zip(reading.columns, reading.types, strict=True)
                ],
                "rows": rows,
                "row_count": len(reading.rows),
                "cut": reading.cut or len(rows) < len(reading.rows),
                "result_hash": result_hash(reading.columns, reading.rows),
                "duration_ms": took,
                "charts": charts,
            },
            "more": reading.cut,
            "notes": sorted(cells.notes),
            "chart_problem": problem,
        }

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep the evidence with its result; the run keeps where it is, and no row of it."""
        evidence = record_result(**outputs["result"], run_id=run.pk)
        return {
            "evidence": str(evidence.pk),
            "row_count": evidence.row_count,
            "cut": outputs["result"]["cut"],
            "more": outputs["more"],
            "notes": outputs["notes"],
            "chart_problem": outputs["chart_problem"],
        }


def _prepare(context: Context, warehouse: Warehouse) -> Prepared:
    """Return the statement that may run now; judged again only where the asker's tables have changed."""
    asker = _asker(context)
    if asker is None or not asker.is_active or not asker.may(Permission.RUN_SQL):
        raise NobodyAsked
    sql, dialect = context.params["sql"], warehouse.dialect
    judged = context.params.get("judged") or {}
    still = readable_tables(asker, names=judged.get("tables", ()))
    again = unsealed(judged, sql=sql, tables=still, dialect=dialect, reader=str(asker.pk))
    if again is not None:
        return again
    try:
        return prepare(
            sql,
            dialect=dialect,
            tables=readable_tables(asker),
            parameters=context.params["parameters"].keys(),
        )
    except RefusedSql as error:
        raise QueryRefused(error) from error


def _asker(context: Context) -> User | None:
    return User.objects.filter(pk__in=Run.objects.filter(pk=context.run_id).values("requested_by")).first()


def _read(
    warehouse: Warehouse, prepared: Prepared, parameters: Mapping[str, Any], config: QueryConfig
) -> Reading:
    size = 0

    def watch(rows: list[tuple[Any, ...]]) -> None:
        nonlocal size
        size += sum(len(cell) if isinstance(cell, str | bytes) else 16 for row in rows for cell in row)
        if size > config.read_bytes:
            message = (
                f"The answer is larger than {config.read_bytes // 1_000_000} MB. Read fewer columns or rows."
            )
            raise QueryTooLarge(message)

    try:
        return warehouse.read(
            prepared.sql, parameters, limit=config.read_rows, timeout=config.timeout, watch=watch
        )
    except QueryFailed as error:
        raise QueryRefused(error) from error


def _kept(reading: Reading, cells: Cells, config: QueryConfig) -> list[list[Any]]:
    kept: list[list[Any]] = []
    size = 0
    for row in reading.rows[: config.kept_rows]:
        shown = cells.row(row)
        size += len(json.dumps(shown, ensure_ascii=False).encode())
        if size > config.kept_bytes:
            cells.notes.add("large")
            break
        kept.append(shown)
    return kept


def _draw(
    reading: Reading, kept: int, chosen: dict[str, Any] | None
) -> tuple[dict[str, dict[str, str]], dict[str, str] | None]:
    """Draw what is shown, or say why it cannot be drawn: the rows are worth having all the same."""
    try:
        return draw(reading.columns, reading.rows[:kept], ChartChoice.model_validate(chosen or {})), None
    except ChartRefused as refused:
        return {}, {"code": refused.code, "column": refused.column}
