"""Cut text into terms, the same way for what is stored and for what is asked.

Korean has no spaces inside its compounds, so a run of Hangul becomes overlapping pairs of syllables:
주문상세 → 주문, 문상, 상세 and the lone last 세. A pair sequence in order finds any stretch of a compound,
and no dictionary can split it wrongly. Identifiers are kept whole and cut at ``_``, ``.``, ``-`` and
camelCase.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from portal.search import hangul

LONGEST_TERM = 100
_WORD = re.compile(r"\w+(?:[._-]\w+)*")
_PART = re.compile(r"[가-힣]+|[ㄱ-ㅎㅏ-ㅣ]+|\d+|[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z가-힣ㄱ-ㅎㅏ-ㅣ]+")


class Term(NamedTuple):
    """A term and where it stands, counted from 0."""

    text: str
    position: int


class Part(NamedTuple):
    """A piece of a word in one script; ``text`` is folded to lower case."""

    text: str
    is_hangul: bool

    @property
    def length(self) -> int:
        """How many positions it takes."""
        return len(self.text) if self.is_hangul else 1


def words(text: str) -> list[str]:
    """Return the words of a text as typed, identifiers in one piece."""
    return _WORD.findall(hangul.fold(text))


def parts(word: str) -> list[Part]:
    """Cut a word at ``_``, ``.``, ``-``, camelCase and changes of script."""
    return [
        Part(piece.casefold()[:LONGEST_TERM], is_hangul=hangul.is_syllable(piece[0]))
        for piece in _PART.findall(word)
    ]


def whole(word: str) -> str:
    """Return a word without its separators: ``dep_delay``, ``dep-delay`` and ``depDelay`` are one."""
    return "".join(part.text for part in parts(word))[:LONGEST_TERM]


def normal(text: str) -> str:
    """Return a name as it is compared with a whole query: lower case, no spaces, no separators."""
    return "".join(whole(word) for word in words(text))[: 3 * LONGEST_TERM]


def singular(word: str) -> str | None:
    """Return the singular of a plain English plural, or None."""
    if len(word) < 4 or not word.isascii() or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return None
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1]


def analyse(text: str) -> list[Term]:
    """Return the terms of a text with their positions, several at one position where a word has readings."""
    terms: list[Term] = []
    position = 0
    end_of_last = -1
    last: Part | None = None
    folded = hangul.fold(text)
    for found in _WORD.finditer(folded):
        pieces = parts(found[0])
        if not pieces:
            continue
        spaced_by_one = found.start() == end_of_last + 1
        if spaced_by_one and last is not None and last.is_hangul and pieces[0].is_hangul:
            # 도착 지연 is also found as 도착지연: writers disagree about spaces in compounds.
            terms.append(Term(last.text[-1] + pieces[0].text[0], position - 1))
        if len(pieces) > 1:
            terms.append(Term(whole(found[0]), position))
        for piece in pieces:
            terms += _terms_of(piece, position)
            position += piece.length
        end_of_last, last = found.end(), pieces[-1]
    return terms


def _terms_of(part: Part, position: int) -> Iterator[Term]:
    if part.is_hangul:
        for offset in range(part.length):
            yield Term(part.text[offset : offset + 2], position + offset)
        return
    yield Term(part.text, position)
    one = singular(part.text)
    if one:
        yield Term(one, position)
