"""Sentences that are said in one process and read in another, each reader in their own language."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from django.utils.translation import gettext

# So many sentences may stand within each other.
_DEEPEST: Final = 8
_PLACE: Final = re.compile(r"%\((\w+)\)s")


class Said(str):
    """A sentence in the language of whoever says it, which remembers how others say it.

    It is text wherever text is wanted; put into an f-string or joined it is text and nothing more, so a
    sentence within another is given as one of its values. ``kept`` is what a JSON field holds of it.
    """

    __slots__ = ("kept",)

    kept: Any

    def __new__(cls, text: str, kept: Any) -> Self:
        """Return the sentence as it reads now, with what it is made of."""
        made = super().__new__(cls, text)
        made.kept = kept
        return made


def said(template: str, /, **values: object) -> Said:
    """Return the sentence of a template, with ``%(name)s`` for each value, in the active language.

    The template is marked for translation by this very call. Values are texts, numbers as somebody shall read
    them, or sentences themselves.
    """
    kept: dict[str, Any] = {"text": template}
    if values:
        kept["values"] = {name: _kept(value) for name, value in values.items()}
    return Said(_filled(gettext(template), values), kept)


def in_a_row(*sentences: str) -> Said:
    """Return sentences one after the other."""
    return Said(" ".join(sentences), [_kept(each) for each in sentences])


def joined(between: str, sentences: Sequence[str]) -> Said:
    """Return one or more sentences, with a sign between them that means the same in every language."""
    values = {f"n{number}": _kept(each) for number, each in enumerate(sentences)}
    # Nobody translates this template: nothing stands in it but the sentences and the sign.
    kept = {"text": between.join(f"%({name})s" for name in values), "values": values}
    return Said(between.join(sentences), kept)


def said_of(error: BaseException) -> str:
    """Return what an exception says, as a sentence of ours where it is one; "" where it says nothing."""
    return error.args[0] if error.args and isinstance(error.args[0], Said) else str(error)


def retold(kept: object, default: str) -> str:
    """Return a kept sentence in the active language; the default where it cannot be said."""
    try:
        return _retold(kept, _DEEPEST) or default
    except (AttributeError, KeyError, TypeError, ValueError):
        return default


def _kept(value: object) -> Any:
    return value.kept if isinstance(value, Said) else value if isinstance(value, str | int) else str(value)


def _retold(kept: object, depth: int) -> str:
    if not isinstance(kept, list | Mapping):
        return "" if kept is None else str(kept)
    if not depth:
        return ""
    if isinstance(kept, list):
        return " ".join(_retold(each, depth - 1) for each in kept)
    values = {name: _retold(value, depth - 1) for name, value in (kept.get("values") or {}).items()}
    return _filled(gettext(kept["text"]), values)


def _filled(template: str, values: Mapping[str, object]) -> str:
    # Kept sentences come from processes that run other people's code: names are filled in, and no widths.
    return _PLACE.sub(lambda found: str(values[found[1]]), template)
