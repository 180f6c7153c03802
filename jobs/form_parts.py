"""Parts of a long form: what a part that is folded away says in one line, and when it is open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _

# A line of a folded part names so many things of a list.
_NAMED: Final = 3


@dataclass
class Node:
    """A part of the form: what it is called, what is wrong with it as a whole, and what is within.

    ``shape`` is leaf, group, list, choice (of its children ``chosen`` counts, by key) or maybe (a group that
    may be left out: ``chosen`` is "on" where it is not).
    """

    shape: str
    path: str
    label: str = ""
    help: str = ""
    children: "list[Node]" = field(default_factory=list)
    key: str = ""
    chosen: str = ""
    tag: str = ""
    leaf: forms.BoundField | None = None
    # The control beside which it is shown, and the values of that for which it is; "" for always.
    beside: str = ""
    beside_values: str = ""
    # The template of what works with what the field says.
    tool: str = ""
    # Whether an empty list is something to say: it is needed, or takes the place of a default.
    keeps_empty: bool = False
    # What it is folded away under, together with its neighbours of the same word; "" where it is not.
    fold: str = ""
    usual: Any = None
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the control that says how many there are, or which one counts."""
        return f"{self.path}:{self.shape}"

    @property
    def control_id(self) -> str:
        """An id for that control."""
        return f"id_{self.path}-{self.shape}"

    @property
    def folds(self) -> "list[Fold]":
        """Its children, with those together that are folded away under one word."""
        return [Fold(word, list(parts)) for word, parts in groupby(self.children, key=lambda each: each.fold)]

    @property
    def at_work(self) -> bool:
        """Whether something is marked here, or says something else than usual."""
        if self.leaf is None:
            return bool(self.errors) or any(each.at_work for each in self.children)
        said, usual = self.leaf.value(), self.leaf.field.prepare_value(self.usual)
        return bool(self.leaf.errors) or (
            said not in (None, "", []) and said != usual and str(said) != str(usual)
        )


@dataclass(frozen=True, slots=True)
class Fold:
    """Parts of a form that are folded away under a word; those without one are simply there."""

    word: str
    parts: list[Node]

    @property
    def label(self) -> str:
        """The word in the reader's language."""
        return _(self.word) if self.word else ""

    @property
    def is_open(self) -> bool:
        """Whether something within is to be seen."""
        return any(each.at_work for each in self.parts)

    @property
    def beside(self) -> str:
        """The control beside which all of the parts are shown; "" where one is always there."""
        controls = {each.beside for each in self.parts}
        return controls.pop() if len(controls) == 1 else ""

    @property
    def beside_values(self) -> str:
        """The values of that control for which one of the parts is shown."""
        return " ".join(dict.fromkeys(" ".join(each.beside_values for each in self.parts).split()))


@dataclass(frozen=True, slots=True)
class Part:
    """Fields that belong together, of those that somebody is asked for; its line lacks the ``unsaid``."""

    fields: Sequence[forms.BoundField]
    unsaid: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is anything to ask."""
        return bool(self.fields)

    @property
    def faulty(self) -> bool:
        """Whether a field is marked: then the part must not be folded away."""
        return any(field.errors for field in self.fields)

    @property
    def gist(self) -> str:
        """What holds, in one line: each field that says something."""
        return " · ".join(filter(None, (_told(each) for each in self.fields if each.name not in self.unsaid)))


def _told(bound: forms.BoundField) -> str:
    field, value = bound.field, bound.value()
    if value in (None, "", [], (), False):
        return ""
    if isinstance(field, forms.BooleanField):
        return str(field.label)
    return f"{field.label}: {_shown(field, value)}"


def _shown(field: forms.Field, value: Any) -> str:
    values = value if isinstance(value, list | tuple) else str(value).splitlines()
    if isinstance(field, forms.ChoiceField):
        offered: Any = field.choices
        labels = {str(key): str(label) for key, label in offered}
        values = [labels.get(str(each), str(each)) for each in values]
    words = [str(each) for each in values]
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" +{more}" if more > 0 else "")
