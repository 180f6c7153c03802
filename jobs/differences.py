"""What differs between two definitions of a job, and how two edits of the same one are joined."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Definition = Mapping[str, Any]
Flat = dict[tuple[str, ...], Any]

# Part of every definition, but never changed after it was made.
_FIXED: Final = frozenset({"key", "kind"})
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs; a long text also as lines, each with «+», «-» or « » before it."""

    path: tuple[str, ...]
    before: str
    after: str
    lines: list[tuple[str, str]]

    @property
    def name(self) -> str:
        """The path as the field's name in forms and in the API."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that two people changed from the same version: what it was, and what each made of it."""

    path: tuple[str, ...]
    before: str
    theirs: str
    mine: str

    @property
    def name(self) -> str:
        """The path as the field's name in forms and in the API."""
        return ".".join(self.path)


def differences(before: Definition, after: Definition) -> list[Difference]:
    """Return the fields whose values differ, in the order of the definitions."""
    old, new = _flat(before), _flat(after)
    return [
        Difference(path, _text(old.get(path, _ABSENT)), _text(new.get(path, _ABSENT)), _lines(old, new, path))
        for path in dict.fromkeys([*old, *new])
        # The order of parameters is told by the parameters themselves.
        if path[-1] != "x-order" and old.get(path, _ABSENT) != new.get(path, _ABSENT)
    ]


def joined(base: Definition, theirs: Definition, mine: Definition) -> tuple[dict[str, Any], list[Clash]]:
    """Join two edits of one definition: each field as whoever changed it left it.

    Where both changed a field to something else «mine» holds, and the clash is told.
    """
    old, other, own = _flat(base), _flat(theirs), _flat(mine)
    result: Flat = {}
    clashes = []
    for path in dict.fromkeys([*own, *other, *old]):
        was, them, me = (each.get(path, _ABSENT) for each in (old, other, own))
        if me == was:
            result[path] = them
            continue
        result[path] = me
        if them not in (was, me):
            clashes.append(Clash(path, _text(was), _text(them), _text(me)))
    return _nested({path: value for path, value in result.items() if value is not _ABSENT}), clashes


def _flat(value: Definition, path: tuple[str, ...] = ()) -> Flat:
    """Return the leaves by path; lists and empty objects are leaves."""
    found: Flat = {}
    for name, each in value.items():
        inner = (*path, name)
        if inner[0] in _FIXED:
            continue
        if isinstance(each, Mapping) and each:
            found |= _flat(each, inner)
        else:
            found[inner] = each
    return found


def _nested(flat: Flat) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in flat.items():
        place = found
        for part in path[:-1]:
            inner = place.get(part)
            # One edit emptied what the other went on with: what is said of its inside stands.
            place[part] = inner if isinstance(inner, dict) else {}
            place = place[part]
        if not (value == {} and isinstance(place.get(path[-1]), dict)):
            place[path[-1]] = value
    return found


def _text(value: Any) -> str:
    if value is _ABSENT or value is None or value == "":
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _lines(old: Flat, new: Flat, path: tuple[str, ...]) -> list[tuple[str, str]]:
    before, after = old.get(path), new.get(path)
    if not (isinstance(before, str) and isinstance(after, str) and "\n" in f"{before}{after}".strip()):
        return []
    told = difflib.ndiff(before.splitlines(), after.splitlines())
    return [(line[0], line[2:]) for line in told if line[0] != "?"]
