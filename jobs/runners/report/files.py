"""Write the rows of an edition as spreadsheet and as CSV; no cell of either is ever a formula."""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import xlsxwriter
from django.utils import timezone
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from jobs.runners.report.sections import Table, spoken_title
from portal.ui import csvfile
from portal.ui.result_chart import NO_CHART, ChartChoice

_NOT_IN_A_NAME: Final = frozenset("[]:*?/\\")
_LONGEST_CELL: Final = 32_767
# A spreadsheet counts in doubles: a longer whole number would change its last digits.
_EXACT: Final = 2**53
_FORMATS: Final = {"whole": "#,##0", "decimals": "#,##0.00", "percent": "0.0%", "plain": "0.##########"}
# Of a number that says more than these digits the rest is the computer's own rounding.
_DIGITS: Final = 15
_MOST_DECIMALS: Final = 8
_CHARTS: Final = {"bar": "column", "line": "line"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of the spreadsheet under its title, and the chart that is drawn from it."""

    title: str
    table: Table
    chart: ChartChoice = NO_CHART


def write_csv(target: Path, table: Table) -> None:
    """Write a table as CSV."""
    with target.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csvfile.lines(table.columns, table.rows))


def write_xlsx(
    target: Path, sheets: Sequence[Sheet], *, title: str, facts: Sequence[tuple[str, str]]
) -> None:
    """Write a spreadsheet: a first sheet with the facts of the edition, then one for each table.

    A chart is the spreadsheet's own, drawn from the cells beside it.
    """
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": True,
        # The body may write into its own folder only.
        "tmpdir": str(target.parent),
    }
    with xlsxwriter.Workbook(str(target), options) as book:
        head = book.add_format({"bold": True, "bottom": 1})
        dates: dict[type, Format] = {
            dt.datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            dt.date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        numbers = cache(lambda code: book.add_format({"num_format": code}) if code else None)
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        names = sheet_names([title, *(each.title for each in sheets)])
        first = book.add_worksheet(names[0])
        first.set_column(0, 0, 24)
        first.set_column(1, 1, 80)
        first.write_string(0, 0, title, head)
        for row, (name, value) in enumerate(facts, start=2):
            first.write_string(row, 0, name)
            first.write_string(row, 1, value[:_LONGEST_CELL], wrapped)
        for name, each in zip(names[1:], sheets, strict=True):
            sheet = book.add_worksheet(name)
            places = _places(each)
            _write_sheet(sheet, each.table, places, head=head, dates=dates, numbers=numbers)
            if each.chart.kind != "none" and each.table.rows:
                _draw(book, sheet, each, places, dates=dates, numbers=numbers)


def _places(sheet: Sheet) -> list[tuple[str, int]]:
    """Return the columns of the sheet in their order, each with its place in the table.

    After those that were chosen stand those that the chart needs besides.
    """
    table, chart = sheet.table, sheet.chart
    if not table.shown:
        return [(name, place) for place, name in enumerate(table.columns)]
    drawn = [] if chart.kind == "none" or chart.series else [chart.x, *chart.y]
    names = dict.fromkeys([*(each.name for each in table.shown), *drawn])
    return [(name, table.columns.index(name)) for name in names]


def _write_sheet(
    sheet: Worksheet,
    table: Table,
    places: Sequence[tuple[str, int]],
    *,
    head: Format,
    dates: Mapping[type, Format],
    numbers: Callable[[str], Format | None],
) -> None:
    sheet.freeze_panes(1, 0)
    chosen = {each.name: each for each in table.shown}
    for column, (name, place) in enumerate(places):
        shown = chosen.get(name)
        title = spoken_title(shown, "en") if shown else name
        sheet.write_string(0, column, title[:_LONGEST_CELL], head)
        sheet.set_column(column, column, min(max(len(title) + 2, 12), 40))
        number = numbers(_code(table, place, shown.format if shown else ""))
        for row, cells in enumerate(table.rows, start=1):
            _write_cell(sheet, row, column, cells[place], dates, number)


def _draw(
    book: Workbook,
    sheet: Worksheet,
    each: Sheet,
    places: Sequence[tuple[str, int]],
    *,
    dates: Mapping[type, Format],
    numbers: Callable[[str], Format | None],
) -> None:
    """Put the spreadsheet's own chart beside the cells that it is drawn from."""
    chart, order = each.chart, [name for name, _place in places]
    drawn = book.add_chart({"type": _CHARTS[chart.kind]})
    name, last, free = sheet.get_name(), len(each.table.rows), len(order) + 1
    if chart.series:
        columns, last = _spread(sheet, each, free, dates, numbers)
        x, free = free, free + len(columns) + 2
    else:
        x, columns = order.index(chart.x), [order.index(y) for y in chart.y]
    for column in columns:
        drawn.add_series(
            {
                "name": [name, 0, column],
                "categories": [name, 1, x, last, x],
                "values": [name, 1, column, last, column],
            }
        )
    drawn.set_x_axis({"name": chart.x})
    if len(columns) == 1:
        drawn.set_legend({"none": True})
    drawn.set_size({"width": 720, "height": 360})
    sheet.insert_chart(1, free, drawn)


def _spread(
    sheet: Worksheet,
    each: Sheet,
    first: int,
    dates: Mapping[type, Format],
    numbers: Callable[[str], Format | None],
) -> tuple[list[int], int]:
    """Write one column for each value of the series beside the table; return them and the last row."""
    table, chart = each.table, each.chart
    x, y, by = (table.columns.index(name) for name in (chart.x, chart.y[0], chart.series))
    shown = next((column.format for column in table.shown if column.name == chart.y[0]), "")
    number_of_y = numbers(_code(table, y, shown))
    keys = dict.fromkeys(_key(row[x]) for row in table.rows if row[x] is not None)
    rows = {key: number for number, key in enumerate(keys, start=1)}
    names = dict.fromkeys(str(row[by]) for row in table.rows)
    series = {name: column for column, name in enumerate(names, start=first + 1)}
    sheet.write_string(0, first, chart.x)
    for name, column in series.items():
        sheet.write_string(0, column, name[:_LONGEST_CELL])
    for value, number in rows.items():
        _write_cell(sheet, number, first, value, dates)
    for row in table.rows:
        if row[x] is not None:
            _write_cell(sheet, rows[_key(row[x])], series[str(row[by])], row[y], dates, number_of_y)
    return list(series.values()), len(rows)


def _code(table: Table, place: int, how: str) -> str:
    """Return how the numbers of a column are written: as was chosen, else with decimals that say something.

    Whole numbers stay as they are: they may be years, or the numbers of things.
    """
    if how in _FORMATS:
        return _FORMATS[how]
    found = [row[place] for row in table.rows if isinstance(row[place], float | Decimal)]
    rounded = [Decimal(f"{value:.{_DIGITS}g}") for value in found if math.isfinite(value)]
    sizes = [abs(value) for value in rounded if value]
    there = max((-int(value.as_tuple().exponent) for value in rounded), default=0)
    if there <= 0 or not sizes:
        return ""
    # As on the page: a share needs four decimals, and what is smaller still its first digits.
    least = min(sizes)
    needed = 2 if least >= 1 else min(4 - min(least.adjusted() + 1, 0), _MOST_DECIMALS)
    decimals = min(needed, there)
    fixed = min(2, decimals)
    return "#,##0." + "0" * fixed + "#" * (decimals - fixed)


def _key(value: Any) -> Any:
    return value if isinstance(value, int | float | Decimal | dt.date) else str(value)


def _write_cell(
    sheet: Worksheet,
    row: int,
    column: int,
    cell: Any,
    dates: Mapping[type, Format],
    number: Format | None = None,
) -> None:
    if cell is None:
        return
    if isinstance(cell, dt.datetime) and timezone.is_aware(cell):
        # A spreadsheet knows no zones: it is told the time of whoever's the report is, as everywhere in it.
        cell = timezone.make_naive(cell)
    if isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif _is_exact(cell):
        sheet.write_number(row, column, cell, number)
    elif isinstance(cell, dt.datetime | dt.date) and cell.year >= 1900:
        sheet.write_datetime(row, column, cell, dates[type(cell)])
    else:
        sheet.write_string(row, column, str(cell).replace("\x00", "")[:_LONGEST_CELL])


def _is_exact(cell: Any) -> bool:
    if isinstance(cell, int):
        return abs(cell) <= _EXACT
    return isinstance(cell, float | Decimal) and math.isfinite(cell)


def sheet_names(titles: Sequence[str]) -> list[str]:
    """Return names that a spreadsheet takes: at most 31 letters, none of its signs, all of them different."""
    names: list[str] = []
    taken: set[str] = {"history"}
    for number, title in enumerate(titles, start=1):
        plain = "".join(" " if sign in _NOT_IN_A_NAME or not sign.isprintable() else sign for sign in title)
        name = plain.strip().strip("'")[:31].strip() or f"{number}"
        while name.casefold() in taken:
            name = f"{name[:26]} ({number})" if not name.endswith(f" ({number})") else f"{number}"
        taken.add(name.casefold())
        names.append(name)
    return names
