"""Documents and queries for PostgreSQL's full-text search, made from our own terms.

PostgreSQL's index knows no weights: asking for a term of weight A reads every row that has the term anywhere.
So the field is part of the lexeme (``^`` names, ``#`` columns), and a frequent word in descriptions costs
a search for names nothing. ``=`` marks a whole name, ``~`` its initial consonants.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from django.contrib.postgres.search import SearchQueryField, SearchVectorField
from django.db.models import BooleanField, F, Func, Value
from django.db.models.functions import Cast

from portal.search import hangul
from portal.search.analysis import Part, analyse, normal, parts, singular, whole, words

MARKS = {"A": "^", "B": "", "C": "#", "D": ""}
EVERYWHERE = ("^", "#", "")
WHOLE_NAME, INITIALS = "=", "~"
# PostgreSQL's own limits are 16,383 positions, 256 of one lexeme, and 1 MB.
_LAST_POSITION, _MOST_POSITIONS, _MOST_BYTES = 16_000, 200, 500_000
_LONGEST_QUERY, _MOST_WORDS = 300, 12
# In words; the longest name that is looked for within a question.
_LONGEST_NAME = 4
_EMPTY_WORDS = frozenset(
    ("a", "an", "and", "are", "by", "for", "from", "how", "in", "is", "of", "on", "or", "the", "to", "what")
)


class Matches(Func):
    """``vector @@ query`` as a condition."""

    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    arity = 2
    output_field = BooleanField()
    conditional = True

    def __init__(self, field: str, tsquery: str) -> None:
        super().__init__(F(field), Cast(Value(tsquery), SearchQueryField()))


def quoted(lexeme: str) -> str:
    """Return a lexeme as both text forms of PostgreSQL spell it."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


class _Document:
    def __init__(self) -> None:
        self.lexemes: dict[str, list[str]] = {}
        self.bytes = 0
        self.next = 1

    def add(self, lexeme: str, position: int, weight: str) -> None:
        if position > _LAST_POSITION:
            return
        if lexeme not in self.lexemes:
            if self.bytes > _MOST_BYTES:
                return
            self.bytes += len(lexeme.encode())
        places = self.lexemes.setdefault(lexeme, [])
        if len(places) < _MOST_POSITIONS:
            places.append(f"{position}{weight}")

    def add_text(self, text: str, weight: str) -> None:
        start = self.next
        for term, position in analyse(text):
            self.add(MARKS[weight] + term, start + position, weight)
            self.next = max(self.next, start + position + 1)
        # A gap between two texts, so that no phrase reaches from one into the other.
        self.next += 2

    def add_name(self, text: str) -> None:
        name = normal(text)
        if not name:
            return
        self.add(WHOLE_NAME + name, self.next, "A")
        for word in words(text):
            for part in parts(word):
                if part.is_hangul:
                    self.add(INITIALS + hangul.initials(part.text), self.next, "A")


def vector_text(weights: Mapping[str, Iterable[str]]) -> str:
    """Return the document in PostgreSQL's text form; ``weights`` maps A–D to texts."""
    made = _Document()
    for weight in MARKS:
        for text in weights.get(weight, ()):
            if weight == "A":
                made.add_name(text)
            made.add_text(text, weight)
    return " ".join(f"{quoted(lexeme)}:{','.join(places)}" for lexeme, places in made.lexemes.items())


def document(weights: Mapping[str, Iterable[str]]) -> Cast:
    """Return the search document to store: A names and synonyms, B tags, C columns, D descriptions."""
    return Cast(Value(vector_text(weights)), SearchVectorField())


class Query:
    """What somebody typed, as the conditions of the stages of a search."""

    def __init__(self, text: str) -> None:
        """Read the text; anything is allowed."""
        self.text = text[:_LONGEST_QUERY]
        found = [word for word in words(self.text) if parts(word)][:_MOST_WORDS]
        telling = [word for word in found if word.casefold() not in _EMPTY_WORDS]
        self.words = tuple(dict.fromkeys(telling or found))

    def __bool__(self) -> bool:
        """Say whether there is anything to search for."""
        return bool(self.words)

    @cached_property
    def exact(self) -> str:
        """The whole text is a name."""
        return " | ".join(quoted(WHOLE_NAME + name) for name in self._wholes)

    @cached_property
    def prefix(self) -> str:
        """A name begins with the whole text."""
        return " | ".join(quoted(WHOLE_NAME + name) + ":*" for name in self._wholes)

    @cached_property
    def in_name(self) -> str:
        """Each word is in the names."""
        every = " & ".join(_one_of(word, ("^",)) for word in self.words)
        spelt = "".join(self.words)
        if all(character in hangul.INITIALS for character in spelt):
            every = f"({every}) | {quoted(INITIALS + spelt)}:*"
        return every

    @cached_property
    def in_column(self) -> str:
        """The words stand side by side in one column's name or meaning."""
        return " <-> ".join(_one_of(word, ("#",)) for word in self.words)

    @cached_property
    def each(self) -> tuple[str, ...]:
        """For each word the condition that it stands anywhere."""
        return tuple(_one_of(word, EVERYWHERE) for word in self.words)

    @cached_property
    def names_within(self) -> str:
        """A name is a word of the text, or a few side by side: «on-time rate» in a whole question."""
        typed = words(self.text)[:_MOST_WORDS]
        names: list[str] = []
        for first in range(len(typed)):
            for last in range(first, min(first + _LONGEST_NAME, len(typed))):
                before, closing = "".join(typed[first:last]), typed[last]
                forms = [closing, *_other_forms(closing), *filter(None, [singular(closing)])]
                names += [normal(before + form) for form in forms]
        return " | ".join(quoted(WHOLE_NAME + name) for name in dict.fromkeys(names) if name)

    @property
    def all(self) -> str:
        """Each word stands somewhere."""
        return " & ".join(self.each)

    @property
    def any(self) -> str:
        """At least one word stands somewhere."""
        return " | ".join(self.each)

    @cached_property
    def _wholes(self) -> list[str]:
        texts = [self.text, *filter(None, (hangul.from_keys(self.text.strip()),))]
        if len(self.words) == 1:
            texts += _other_forms(self.words[0])
        return list(dict.fromkeys(name for name in map(normal, texts) if name))

    def finds(self, text: str) -> int:
        """Count the words that a text holds, as the database would see it; for hints, not for ranking."""
        terms = {term for term, _ in analyse(text)}
        return sum(any(_within(form, terms) for form in (word, *_other_forms(word))) for word in self.words)


def query(text: str) -> str:
    """Return the tsquery, in PostgreSQL's text form, of documents with each word; "" where there is none."""
    return Query(text).all


def _within(word: str, terms: set[str]) -> bool:
    def stands(part: Part) -> bool:
        if part.is_hangul and part.length > 1:
            return all(part.text[at : at + 2] in terms for at in range(part.length - 1))
        forms = tuple(filter(None, (part.text, singular(part.text))))
        return any(term.startswith(forms) for term in terms)

    return all(stands(part) for part in parts(word))


def _other_forms(word: str) -> list[str]:
    """Return what else may be meant: without the particle, another spelling, the other keyboard mode."""
    forms: list[str | None] = []
    if all(map(hangul.is_syllable, word)):
        bare = hangul.without_particle(word)
        forms += [bare, hangul.other_spelling(bare or word)]
    elif word.isascii() and word.isalpha():
        forms.append(hangul.from_keys(word))
    elif any("ㄱ" <= character <= "ㅣ" for character in word):
        forms.append(hangul.to_keys(word))
    return [form for form in forms if form]


def _one_of(word: str, marks: tuple[str, ...]) -> str:
    readings = [_phrase(form, mark) for form in (word, *_other_forms(word)) for mark in marks]
    if len(parts(word)) > 1:
        readings += [quoted(mark + whole(word)) + ":*" for mark in marks]
    return "(" + " | ".join(readings) + ")"


def _phrase(word: str, mark: str) -> str:
    steps: list[str] = []
    pieces = parts(word)
    for at, part in enumerate(pieces):
        is_last = at == len(pieces) - 1
        if part.is_hangul and part.length > 1:
            steps += [quoted(mark + part.text[at : at + 2]) for at in range(part.length - 1)]
            if not is_last:
                steps.append(quoted(mark + part.text[-1]))
        else:
            steps.append(_open_ended(part, mark) if is_last else quoted(mark + part.text))
    return "(" + " <-> ".join(steps) + ")"


def _open_ended(part: Part, mark: str) -> str:
    begun = quoted(mark + part.text) + ":*"
    one = singular(part.text)
    return f"({begun} | {quoted(mark + one)})" if one else begun
