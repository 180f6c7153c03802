"""Bound what one cell may grow to: the engine neither counts nor interrupts the making of a single value.

``repeat('x', 2000000000)`` took 4 GB past a limit of 256 MB, and a minute past one of two seconds. Rows are
another matter: ``FROM range(…)`` may be of any length, since the engine looks up between pieces.
"""

import math
import re
from typing import Final

from sqlglot import exp

from portal.said import said

LONGEST: Final = 10_000
# Of all numbers that multiply: a repeat of a repeat, a list for each part of a list.
MOST: Final = 1_000_000
_PADDED: Final = frozenset({"bar", "list_resize", "lpad", "rpad"})
_WIDE: Final = re.compile(r"\d{5}|\*")


def too_large(tree: exp.Expr) -> tuple[exp.Expr, str] | None:
    """Return the first part that could make a cell too large, with what to do instead."""
    made = 1.0
    fixed = said(
        "A text or list of a fixed length takes a plain number, at most %(most)s.", most=f"{LONGEST:,}"
    )
    for node in tree.find_all(exp.Repeat, exp.Pad, exp.GenerateSeries, exp.Anonymous):
        most, words = LONGEST, fixed
        if isinstance(node, exp.GenerateSeries):
            if isinstance(node.parent, exp.Table):
                continue
            size, most = _length(node), MOST
            words = said(
                "Write range() after FROM; as a value it takes plain numbers, at most %(most)s of them.",
                most=f"{MOST:,}",
            )
        elif isinstance(node, exp.Anonymous):
            size = _size_of(node)
        else:
            size = _number(node.args.get("times") or node.expression)
        if isinstance(node, exp.Repeat | exp.GenerateSeries):
            made *= max(size, 1)
        if size > most or made > MOST:
            return node, words
    return None


def _size_of(node: exp.Anonymous) -> float:
    name, given = node.name.casefold(), node.expressions
    if name in _PADDED:
        at = 3 if name == "bar" else 1
        return _number(given[at]) if len(given) > at else 0
    if name == "printf":
        form = given[0] if given else None
        plain = isinstance(form, exp.Literal) and form.is_string and not _WIDE.search(form.name)
        return 0 if plain else math.inf
    return 0


def _length(node: exp.GenerateSeries) -> float:
    start, end, step = (node.args.get(name) for name in ("start", "end", "step"))
    width = _number(end) - (_number(start) if start is not None else 0)
    by = _number(step) if step is not None else 1
    # Not a number: one of them is unknown, or both are without end.
    length = abs(width / by) if by else math.inf
    return math.inf if math.isnan(length) else length


def _number(node: exp.Expr | None) -> float:
    """Return a plain number as it is written; anything else could be of any size."""
    if isinstance(node, exp.Neg):
        return -_number(node.this)
    if isinstance(node, exp.Literal) and not node.is_string:
        return float(node.name)
    return math.inf
