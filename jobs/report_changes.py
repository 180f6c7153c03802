"""Two editions of a report side by side: their figures with the difference, and the rows that are others."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from jobs.reports import Edition, Figure, Shown
from jobs.runners.report.wording import written
from portal.evidence.blocks import cell, columns_of
from portal.languages import spoken
from portal.ui import formats
from portal.ui.templatetags.desk import change, measured

# So many rows of a table are shown; how many there are besides is counted.
MOST_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in two editions, as it is shown; ``tone`` says whether the difference is good."""

    label: str
    before: str
    now: str
    difference: str
    percent: str = ""
    tone: str = "neutral"
    note: str = ""
    is_same: bool = False


@dataclass(frozen=True, slots=True)
class CellPair:
    """A cell in both editions; ``difference`` stands where both are numbers that differ."""

    before: Any
    now: Any
    numeric: bool
    difference: str = ""

    @property
    def differs(self) -> bool:
        """Whether it is another one now."""
        return bool(self.before != self.now)


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that is in one edition only (``added``, ``removed``) or is another one now (``changed``)."""

    kind: str
    cells: list[CellPair]

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {"added": "info", "removed": "warn"}.get(self.kind, "neutral")

    @property
    def label(self) -> str:
        """What became of it."""
        return {"added": pgettext("row", "New"), "removed": _("Gone")}.get(self.kind, _("Changed"))


@dataclass(frozen=True, slots=True)
class TableChange:
    """The rows of a table that differ: the first ones, and how many there are of each kind.

    Of a column there are its title, and whether it holds numbers.
    """

    title: str
    columns: list[tuple[str, bool]]
    rows: list[RowChange]
    counts: Counter[str]
    more: int
    cut: bool = False

    @property
    def summary(self) -> str:
        """How many rows are new, gone and changed."""
        return _("{changed} changed, {added} new, {removed} gone").format(
            **{kind: formats.number(self.counts[kind]) for kind in ("changed", "added", "removed")}
        )


@dataclass(frozen=True, slots=True)
class _Grid:
    """The kept rows of a result with the columns that its table shows."""

    names: list[str]
    titles: list[str]
    formats: list[str]
    numeric: list[bool]
    rows: list[list[Any]]
    cut: bool


@dataclass(slots=True)
class SideBySide:
    """What differs between two editions, as far as one person may see both.

    ``unchanged`` are the titles of what is the same in both.
    """

    figures: list[Change] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    tables: list[TableChange] = field(default_factory=list)
    # Titles of sections that only one of both has computed.
    only_now: list[str] = field(default_factory=list)
    only_before: list[str] = field(default_factory=list)


def figures_of(now: Edition, before: Edition) -> SideBySide:
    """Return the figures of both editions side by side, as far as this person may see both."""
    found = _figures(now, before)
    return SideBySide(
        figures=[each for each in found if not each.is_same],
        unchanged=[each.label for each in found if each.is_same],
    )


def _figures(now: Edition, before: Edition) -> list[Change]:
    found: list[Change] = []
    for each, old in _both(now, before):
        if each.figure is not None and old.figure is not None:
            found.append(_of_figures(each, old.figure, each.figure))
        elif _have_rows(each, old):
            found += _of_results(each, old)
    return found


def side_by_side(now: Edition, before: Edition) -> SideBySide:
    """Return all that differs between two editions: figures, and the rows of tables."""
    found = figures_of(now, before)
    for each, old in _both(now, before):
        if each.figure is None and _have_rows(each, old) and _are_others(each, old):
            found.tables.append(_of_rows(each, old))
    found.only_now, found.only_before = _beyond(now, before), _beyond(before, now)
    return found


def _beyond(one: Edition, other: Edition) -> list[str]:
    """Return the titles of sections with figures that the other edition lacks, or could not compute."""
    there = {each.name for each in other.sections if each.block is not None}
    return [each.title for each in one.sections if each.block is not None and each.name not in there]


def _both(now: Edition, before: Edition) -> Iterator[tuple[Shown, Shown]]:
    earlier = {each.name: each for each in before.sections}
    for each in now.sections:
        old = earlier.get(each.name)
        if old and old.block and each.block and not (old.hidden or each.hidden):
            yield each, old


def _have_rows(*sections: Shown) -> bool:
    return all(each.block is not None and hasattr(each.block.evidence, "result") for each in sections)


def _are_others(now: Shown, before: Shown) -> bool:
    """Say whether there are rows to look at: not the same ones, and not one row of figures in both."""
    kept = [each.block.evidence for each in (now, before) if each.block is not None]
    return len({each.result_hash for each in kept}) > 1 and any(each.row_count != 1 for each in kept)


def _of_figures(section: Shown, before: Figure, now: Figure) -> Change:
    unit = now.definition.unit
    moved = Figure(now.definition, now.period, now.value, now.value - before.value, "", [])
    note = now.period if now.period == before.period else f"{before.period} → {now.period}"
    return Change(
        label=section.title,
        before=measured(before.value, before.definition.unit),
        now=measured(now.value, unit),
        difference=change(moved.change, unit) if moved.change else _("the same"),
        percent=_percent(before.value, now.value),
        tone=moved.tone,
        note=note,
        is_same=not moved.change and now.period == before.period,
    )


def _of_results(section: Shown, earlier: Shown) -> list[Change]:
    if section.block is None or earlier.block is None:
        return []
    now, before = section.block.evidence, earlier.block.evidence
    if before.result_hash == now.result_hash:
        rows = _rows(now.row_count)
        return [Change(section.title, rows, rows, _("the same"), is_same=True)]
    if before.row_count == now.row_count == 1:
        return _of_cells(section, _grid(earlier), _grid(section))
    moved = now.row_count - before.row_count
    return [
        Change(
            section.title,
            _rows(before.row_count),
            _rows(now.row_count),
            _signed(moved) if moved else _("other values"),
            _percent(before.row_count, now.row_count),
        )
    ]


def _of_cells(section: Shown, before: _Grid, now: _Grid) -> list[Change]:
    """Return the numbers of a result of one row, column by column."""
    if not before.rows or not now.rows:
        return []
    old = dict(zip(before.names, before.rows[0], strict=True))
    found = []
    for place, value in enumerate(now.rows[0]):
        was, is_now = _number(old.get(now.names[place])), _number(value)
        if now.numeric[place] and was is not None and is_now is not None:
            before_as, now_as = (written(each, now.formats[place]) for each in (was, is_now))
            moved = _moved(is_now - was, now.formats[place]) if is_now != was else _("the same")
            label = f"{section.title}: {now.titles[place]}"
            percent = _percent(was, is_now)
            found.append(Change(label, before_as, now_as, moved, percent, is_same=was == is_now))
    return found


def _of_rows(section: Shown, earlier: Shown) -> TableChange:
    """Match the rows of two tables and return those that differ.

    They are matched by what holds no number, else by the first column, where that names each row once; rows
    that nothing names are there or not.
    """
    now, before = _grid(section), _grid(earlier)
    places = [
        (before.names.index(name), place) for place, name in enumerate(now.names) if name in before.names
    ]
    old = [[row[place] for place, _other in places] for row in before.rows]
    new = [[row[place] for _other, place in places] for row in now.rows]
    columns = [place for _other, place in places]
    found = list(_matched(old, new, [now.numeric[place] for place in columns]))
    written_as = [(now.numeric[place], now.formats[place]) for place in columns]
    return TableChange(
        title=section.title,
        columns=[(now.titles[place], now.numeric[place]) for place in columns],
        rows=[_row_change(kind, was, is_now, written_as) for kind, was, is_now in found[:MOST_ROWS]],
        counts=Counter(kind for kind, _was, _now in found),
        more=max(0, len(found) - MOST_ROWS),
        cut=now.cut or before.cut,
    )


def _matched(
    old: list[list[Any]], new: list[list[Any]], numeric: Sequence[bool]
) -> Iterator[tuple[str, list[Any] | None, list[Any] | None]]:
    names = _naming(old, new, numeric)
    if not names:
        yield from (("added", None, row) for row in _without(new, old))
        yield from (("removed", row, None) for row in _without(old, new))
        return
    before = {_name(row, names): row for row in old}
    now = {_name(row, names): row for row in new}
    for name, row in now.items():
        was = before.get(name)
        if was is None:
            yield "added", None, row
        elif was != row:
            yield "changed", was, row
    for name, row in before.items():
        if name not in now:
            yield "removed", row, None


def _without(rows: list[list[Any]], others: list[list[Any]]) -> Iterator[list[Any]]:
    """Yield the rows that the others do not hold as often."""
    left = Counter(map(repr, others))
    for row in rows:
        if left[repr(row)] > 0:
            left[repr(row)] -= 1
        else:
            yield row


def _naming(old: list[list[Any]], new: list[list[Any]], numeric: Sequence[bool]) -> list[int]:
    """Return the columns that name each row once in both tables; none where no such are found."""
    words = [place for place, is_number in enumerate(numeric) if not is_number]
    for names in (words, [0] if numeric else []):
        if names and all(len({_name(row, names) for row in rows}) == len(rows) for rows in (old, new)):
            return names
    return []


def _name(row: list[Any], places: Sequence[int]) -> str:
    return repr([row[place] for place in places])


def _row_change(
    kind: str, was: list[Any] | None, now: list[Any] | None, shown: Sequence[tuple[bool, str]]
) -> RowChange:
    cells = []
    for place, (numeric, how) in enumerate(shown):
        before, after = (None if row is None else row[place] for row in (was, now))
        numbers = _number(before), _number(after)
        moved = ""
        if numeric and kind == "changed" and numbers[0] is not None and numbers[1] is not None:
            gap = numbers[1] - numbers[0]
            percent = _percent(numbers[0], numbers[1])
            moved = f"{_moved(gap, how)}{f' ({percent})' if percent else ''}" if gap else ""
        before_as, now_as = (cell(written(each, how, numeric=numeric)) for each in (before, after))
        cells.append(CellPair(before_as, now_as, numeric, moved))
    return RowChange(kind, cells)


def _grid(section: Shown) -> _Grid:
    if section.block is None:
        raise ValueError("a section without evidence has no table")
    result = section.block.evidence.result
    columns = columns_of(result.columns)
    places = {column.name: place for place, column in enumerate(columns)}
    chosen = [each for each in section.columns if each["name"] in places]
    shown = chosen or [{"name": column.name, "format": "usual"} for column in columns]
    order = [places[each["name"]] for each in shown]
    return _Grid(
        names=[each["name"] for each in shown],
        titles=[spoken(each, "title") or each["name"] for each in shown],
        formats=[each["format"] for each in shown],
        numeric=[columns[place].numeric for place in order],
        rows=[[row[place] for place in order] for row in result.rows],
        cut=section.block.evidence.row_count > len(result.rows),
    )


def _number(value: Any) -> float | int | None:
    # Exact numbers are kept as text.
    if isinstance(value, bool):
        return None
    try:
        return value if isinstance(value, int | float) else float(value)
    except (TypeError, ValueError):
        return None


def _moved(gap: float, how: str) -> str:
    """Return the difference of two numbers of a column, of shares in percentage points."""
    return formats.change(gap, kind="percent") if how == "percent" else _signed(gap)


def _signed(value: float) -> str:
    shown = formats.number(abs(value))
    return f"+{shown}" if value > 0 else f"−{shown}"


def _percent(before: float, now: float) -> str:
    """Return the difference as a share of what was; nothing where that was nothing."""
    if not before or before == now:
        return ""
    share = (now - before) / abs(before)
    return f"{'+' if share > 0 else '−'}{formats.percent(abs(share))}"


def _rows(count: int) -> str:
    return ngettext("{count} row", "{count} rows", count).format(count=formats.number(count))
