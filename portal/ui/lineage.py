"""The small lineage graph: one step up, the thing itself, one step down."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

NODE_WIDTH, NODE_HEIGHT, GAP = 200, 32, 8
COLUMN: Final = 298
MOST: Final = 8
# How many half-width characters a node's label may take; Hangul takes two.
ROOM: Final = 25


@dataclass(frozen=True, slots=True)
class Box:
    """A node in its place."""

    x: float
    y: float
    label: str
    full: str
    url: str
    icon: str
    tone: str
    here: bool

    @property
    def icon_x(self) -> float:
        """Where its symbol begins."""
        return self.x + 10

    @property
    def text_x(self) -> float:
        """Where its label begins."""
        return self.x + 34

    @property
    def text_y(self) -> float:
        """The label's base line."""
        return self.y + NODE_HEIGHT / 2 + 4

    @property
    def icon_y(self) -> float:
        """The symbol's upper edge."""
        return self.y + (NODE_HEIGHT - 16) / 2

    @property
    def mark_y(self) -> float:
        """The mark's upper edge."""
        return self.y + (NODE_HEIGHT - 14) / 2

    @property
    def mark_x(self) -> float:
        """Where the mark of its state stands."""
        return self.x + NODE_WIDTH - 24


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes and the lines between them."""

    width: int
    height: int
    boxes: list[Box]
    edges: list[str]


def shortened(text: str, room: int = ROOM) -> str:
    """Cut a label to the room it has, wide characters counted double."""
    taken = 0
    for index, character in enumerate(text):
        taken += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if taken > room:
            return text[: max(index - 1, 1)].rstrip() + "…"
    return text


def layout(up: Sequence[Any], here: Any, down: Sequence[Any]) -> Graph:
    """Place the nodes (each with label, url, icon and tone); beyond eight a side the list tells the rest."""
    columns = [list(up)[:MOST], [here], list(down)[:MOST]]
    shown = [column for column in columns if column]
    tallest = max(len(column) for column in shown)
    height = tallest * (NODE_HEIGHT + GAP) - GAP + 2
    placed: list[list[Box]] = []
    for number, column in enumerate(shown):
        tall = len(column) * (NODE_HEIGHT + GAP) - GAP
        top = (height - tall) / 2
        x = 0.5 + number * COLUMN
        placed.append(
            [_box(node, x, top + row * (NODE_HEIGHT + GAP), node is here) for row, node in enumerate(column)]
        )
    edges = [_edge(left, right) for lefts, rights in pairwise(placed) for left in lefts for right in rights]
    width = (len(shown) - 1) * COLUMN + NODE_WIDTH + 1
    return Graph(width, height, [box for column in placed for box in column], edges)


def _box(node: Any, x: float, y: float, here: bool) -> Box:
    label = str(node.label)
    tone = str(getattr(node, "tone", "") or "")
    room = ROOM - 3 if tone else ROOM
    return Box(x, round(y, 1), shortened(label, room), label, str(node.url or ""), str(node.icon), tone, here)


def _edge(left: Box, right: Box) -> str:
    x1, y1 = left.x + NODE_WIDTH, left.y + NODE_HEIGHT / 2
    x2, y2 = right.x, right.y + NODE_HEIGHT / 2
    middle = (x1 + x2) / 2
    return f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"
