"""Whom a text names: ``@Ben Cho`` by the whole name, ``@ben`` by what stands before the @ of the e-mail."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.db.models.functions import Lower

from portal.accounts.models import User

# One comment calls so many people at most.
MOST: Final = 20
_LONGEST: Final = 80
_AT: Final = re.compile(r"(?<![\w@/.])@(?=\w)")
_HANDLE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]*[A-Za-z0-9])?")
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
# What may follow a Korean name without a blank.
_PARTICLES: Final = (
    "님", "씨", "께", "에게", "한테", "이", "가", "은", "는", "을", "를", "와", "과", "도", "의",
    "랑", "하고",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Somebody who is named, and how it is written."""

    user: User
    written: str


@dataclass(frozen=True, slots=True)
class Named:
    """Those whom a text names, and what is written where several people could be meant."""

    people: list[Mentioned]
    ambiguous: list[str]


def named_in(text: str) -> Named:
    """Return the active people named in a text outside of code, each once; one query."""
    tails = list(_tails(_CODE.sub(" ", text)))
    if not tails:
        return Named([], [])
    beginnings = {tail[:end].rstrip() for tail in tails for end in range(1, len(tail) + 1)}
    handles = {found.group().lower() for tail in tails if (found := _HANDLE.match(tail))}
    by_mail = Q()
    for handle in handles:
        by_mail |= Q(email__startswith=f"{handle}@")
    by_name = Q(lowered__in=[each.lower() for each in beginnings])
    candidates = list(
        User.objects.filter(is_active=True).annotate(lowered=Lower("name")).filter(by_name | by_mail)[:500]
    )
    people: dict[int, Mentioned] = {}
    ambiguous: list[str] = []
    for tail in tails:
        written, meant = _meant(tail, candidates)
        if len(meant) == 1:
            people.setdefault(meant[0].pk, Mentioned(meant[0], f"@{written}"))
        elif meant and f"@{written}" not in ambiguous:
            ambiguous.append(f"@{written}")
    return Named(list(people.values()), ambiguous)


def _tails(text: str) -> Iterator[str]:
    for number, found in enumerate(_AT.finditer(text)):
        if number >= MOST:
            return
        yield text[found.end() : found.end() + _LONGEST].split("\n", maxsplit=1)[0]


def _meant(tail: str, candidates: Sequence[User]) -> tuple[str, list[User]]:
    """Return the longest name that the text begins with, and who bears it."""
    best: dict[str, list[User]] = {}
    handle = _HANDLE.match(tail)
    for user in candidates:
        name = tail[: len(user.name)]
        if user.name and name.lower() == user.name.lower() and _ends(name, tail[len(name) :]):
            best.setdefault(name, []).append(user)
        if handle and user.email.split("@")[0] == handle.group().lower():
            best.setdefault(handle.group(), []).append(user)
    if not best:
        return "", []
    written = max(best, key=len)
    return written, list({user.pk: user for user in best[written]}.values())


def _ends(name: str, rest: str) -> bool:
    if not rest or not rest[0].isalnum():
        return True
    if name[-1].isascii():
        return not rest[0].isascii()
    word = re.match(r"\w+", rest)
    return word is not None and word.group().startswith(_PARTICLES)
