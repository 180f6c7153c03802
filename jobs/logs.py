"""Read a run's log in pieces (the end, what came since, what matches): never all of it at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.dateparse import parse_datetime

from jobs.models import Run, RunLog

LEVELS = ("debug", "info", "warn", "error")
TAIL = 300
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log; ``number`` counts from 1 within the run."""

    number: int
    at: datetime | None
    level: str
    message: str

    @property
    def tone(self) -> str:
        """The tone of its level."""
        return {"warn": "warn", "error": "bad"}.get(self.level, "neutral")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines to read: from a level up, containing some text (case does not matter)."""

    level: str = ""
    text: str = ""

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels that are shown; all where none is named."""
        return LEVELS[LEVELS.index(self.level) :] if self.level in LEVELS else LEVELS

    def __bool__(self) -> bool:
        return self.levels != LEVELS or bool(self.text)


EVERYTHING = Wanted()


def count_lines(run: Run) -> int:
    """Return the number of the last line."""
    last = RunLog.objects.filter(run=run).order_by("-id").first()
    return last.first_line + len(last.lines) - 1 if last else 0


def read_last(
    run: Run, *, count: int = TAIL, before: int | None = None, wanted: Wanted = EVERYTHING
) -> list[Line]:
    """Return the last lines (of those before a line number), oldest first."""
    clauses, values = ["TRUE"], []
    if before is not None:
        clauses = ["l.first_line < %s", "l.first_line + t.n - 1 < %s"]
        values = [before, before]
    return _read(run, clauses, values, wanted, order="DESC", count=count)[::-1]


def read_after(run: Run, after: int, *, count: int = PAGE, wanted: Wanted = EVERYTHING) -> list[Line]:
    """Return the first lines after a line number, oldest first."""
    # The piece that holds the next line starts at or before it: earlier pieces are not even unpacked.
    start = (
        RunLog.objects.filter(run=run, first_line__lte=after + 1)
        .order_by("-id")
        .values_list("first_line", flat=True)
        .first()
    )
    clauses = ["l.first_line >= %s", "l.first_line + t.n - 1 > %s"]
    return _read(run, clauses, [start or 0, after], wanted, order="ASC", count=count)


def read_all(run: Run) -> Iterator[str]:
    """Yield the whole log as text, piece by piece: «time level text» and a line break."""
    for piece in RunLog.objects.filter(run=run).order_by("id").iterator(chunk_size=20):
        yield "".join(f"{at} {level:<5} {text}\n" for at, level, text in piece.lines)


def _read(
    run: Run, clauses: Sequence[str], values: Sequence[int], wanted: Wanted, *, order: str, count: int
) -> list[Line]:
    conditions = [*clauses]
    more: list[int | str | list[str]] = [*values]
    if wanted.levels != LEVELS:
        conditions.append("t.line->>1 = ANY(%s)")
        more.append(list(wanted.levels))
    if wanted.text:
        conditions.append("strpos(lower(t.line->>2), lower(%s)) > 0")
        more.append(wanted.text)
    # Only the two words ASC and DESC and this module's own clauses are put into the text.
    sql = f"""
        SELECT l.first_line + t.n - 1, t.line->>0, t.line->>1, t.line->>2
        FROM jobs_runlog l CROSS JOIN LATERAL jsonb_array_elements(l.lines) WITH ORDINALITY AS t(line, n)
        WHERE l.run_id = %s AND {" AND ".join(conditions)}
        ORDER BY l.id {order}, t.n {order} LIMIT %s
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [run.pk, *more, count])
        return [
            Line(number, parse_datetime(at), level, message)
            for number, at, level, message in cursor.fetchall()
        ]
