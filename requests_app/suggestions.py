"""What may spare somebody the question they are typing: answers, the same question, data that fit.

Only titles are compared, in two partial indexes (answered, open), from the strictest demand to the loosest;
each stage reads a bounded number of rows. The words of one title are few, so the order is worked out here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Final

from django.db.models import Count, QuerySet

from catalog.models import Asset
from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.search import Matches, Query, analyse, hangul
from portal.search.analysis import parts, singular
from portal.search.readers import Ranking
from portal.search.vectors import quoted
from requests_app.choices import AnswerStatus, State
from requests_app.models import DataRequest, Follower
from requests_app.models.choosing import DataRequestQuerySet

ANSWERED_SHOWN: Final = 3
OPEN_SHOWN: Final = 2
ASSETS_SHOWN: Final = 3
_FEWEST_WORDS: Final = 3
_FEWEST_KOREAN: Final = 2
_MOST_WORDS: Final = 5
_CAP: Final = 60
_VERIFIED_BONUS: Final = 0.15
_ASSETS: Final = Ranking(Asset.objects.visible_to)
_SHOWN_ASSETS: Prepared[Asset] = Prepared(
    lambda *, user, pks: Asset.objects.visible_to(user).filter(pk__in=pks).defer("search")
)
# Whatever else a question says: what it calls by its whole name is what it is about.
_NAMED: Prepared[tuple[int]] = Prepared(
    lambda *, user, tsquery: (
        Asset.objects.visible_to(user)
        .filter(Matches("search", tsquery))
        .order_by("-kind", "pk")
        .values_list("pk")[:ASSETS_SHOWN]
    )
)
_ANSWERED: Prepared[tuple[int, str, str | None]] = Prepared(
    lambda *, user, tsquery: _candidates(_answered(DataRequest.objects.visible_to(user)), tsquery)
)
_ASKED: Prepared[tuple[int, str, str | None]] = Prepared(
    lambda *, user, tsquery: _candidates(DataRequest.objects.visible_to(user).open(), tsquery)
)
_WHOLE: Prepared[DataRequest] = Prepared(
    lambda *, user, pks: (
        DataRequest.objects.visible_to(user)
        .filter(pk__in=pks)
        .select_related("requester", "answer")
        .defer("body", "search", "title_search", "answer__body")
    )
)
_ME_TOO: Prepared[tuple[int, int]] = Prepared(
    lambda *, questions: (
        Follower.objects.filter(question__in=questions, me_too=True)
        .order_by()
        .values_list("question")
        .annotate(Count("pk"))
    )
)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What was found for one reader, the best first; questions carry ``answer`` and ``requester``."""

    answered: list[DataRequest] = field(default_factory=list)
    open: list[DataRequest] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Say whether anything was found."""
        return bool(self.answered or self.open or self.assets)

    @property
    def references(self) -> list[str]:
        """What is shown, as «kind:key»."""
        questions = [f"question:{question.number}" for question in (*self.answered, *self.open)]
        return questions + [f"{asset.kind}:{asset.key}" for asset in self.assets]


def suggest(*, words: str, user: User) -> Suggestions | None:
    """Return what fits the typed words and may be seen by this person; None for too few words."""
    query = Query(words)
    if not enough(query):
        return None
    answered = _alike(_ANSWERED, query, ANSWERED_SHOWN, user)
    asked = _alike(_ASKED, query, OPEN_SHOWN, user)
    whole = _whole(answered + asked, user)
    return Suggestions(
        answered=[whole[pk] for pk in answered if pk in whole],
        open=_with_me_too([whole[pk] for pk in asked if pk in whole]),
        assets=_assets(query, user),
    )


def similar(question: DataRequest, user: User, *, most: int = 5) -> list[DataRequest]:
    """Return questions alike to this one, answered ones first: what it may be a duplicate of."""
    query = Query(question.title)
    if not query:
        return []
    found = _alike(_ANSWERED, query, most + 1, user) + _alike(_ASKED, query, most + 1, user)
    alike = [pk for pk in found if pk != question.pk][:most]
    whole = _whole(alike, user)
    return [whole[pk] for pk in alike if pk in whole]


def _answered(questions: DataRequestQuerySet) -> DataRequestQuerySet:
    return questions.filter(state__in=[State.ANSWERED, State.CLOSED], answer__isnull=False)


def _candidates(
    questions: DataRequestQuerySet, tsquery: str
) -> QuerySet[DataRequest, tuple[int, str, str | None]]:
    found = questions.filter(Matches("title_search", tsquery)).order_by()
    # Only what decides is read of each; a whole row with its people costs ten times as much.
    return found.values_list("pk", "title", "answer__status")[:_CAP]


def _whole(pks: list[int], user: User) -> dict[int, DataRequest]:
    """Read what is shown of these questions; they may have changed since they were found."""
    return {question.pk: question for question in _WHOLE(user=user, pks=pks)} if pks else {}


def enough(query: Query) -> bool:
    """Say whether there are words enough to compare: three, or two in Korean."""
    korean = [word for word in query.words if any(map(hangul.is_syllable, word))]
    return len(query.words) >= _FEWEST_WORDS or len(korean) >= _FEWEST_KOREAN


def fitting(question: DataRequest, user: User) -> list[Asset]:
    """Return metrics and datasets that bear the words of this question's title."""
    query = Query(question.title)
    return _assets(query, user) if enough(query) else []


def _with_me_too(questions: list[DataRequest]) -> list[DataRequest]:
    """Add ``me_too_count``: how many others want the same answer."""
    counts = dict(_ME_TOO(questions=[question.pk for question in questions])) if questions else {}
    for question in questions:
        question.me_too_count = counts.get(question.pk, 0)  # type: ignore[attr-defined]
    return questions


def _alike(
    candidates: Prepared[tuple[int, str, str | None]], query: Query, most: int, user: User
) -> list[int]:
    """Return the ids of the questions whose titles are nearest, the nearest first."""
    words = sorted(query.words, key=len, reverse=True)[:_MOST_WORDS]
    needles = [needle for needle in (_needle(word) for word in words) if needle]
    near: dict[int, float] = {}
    nearness = _nearness(query)
    for wanted in _demands(len(needles)):
        for pk, title, status in candidates(user=user, tsquery=_at_least(needles, wanted)):
            near[pk] = nearness(title, status)
        if len(near) >= most:
            break
    return sorted(near, key=lambda pk: (-near[pk], -pk))[:most]


def _demands(words: int) -> list[int]:
    """Return how many of the words a title must hold: all of them, else at least half."""
    if not words:
        return []
    return sorted({words, max(1, (words + 1) // 2)}, reverse=True)


def _at_least(needles: list[str], wanted: int) -> str:
    return " | ".join(f"({' & '.join(chosen)})" for chosen in combinations(needles, wanted))


def _needle(word: str) -> str:
    """Return the condition that a title holds the word. No phrases: the index alone can tell."""
    forms = [word]
    if all(map(hangul.is_syllable, word)):
        forms += filter(None, [hangul.without_particle(word)])
    readings = [reading for reading in map(_terms, forms) if reading]
    return f"({' | '.join(readings)})" if readings else ""


def _terms(word: str) -> str:
    wanted: list[str] = []
    for part in parts(word):
        if part.is_hangul and part.length > 1:
            wanted += [quoted("^" + part.text[at : at + 2]) for at in range(part.length - 1)]
        elif part.is_hangul:
            # One syllable begins thousands of words and tells nothing.
            continue
        else:
            one = singular(part.text)
            either = f"({quoted('^' + part.text)} | {quoted('^' + one)})" if one else quoted("^" + part.text)
            wanted.append(either)
    return f"({' & '.join(wanted)})" if wanted else ""


def _nearness(query: Query) -> Callable[[str, str | None], float]:
    """Return how near a title is: shared terms of all terms of both, and a little for a checked answer."""
    asked = _terms_of(" ".join(query.words))

    def near(title: str, status: str | None) -> float:
        terms = _terms_of(title)
        shared = len(asked & terms) / (len(asked | terms) or 1)
        return shared + (_VERIFIED_BONUS if status == AnswerStatus.VERIFIED and shared else 0)

    return near


@lru_cache(20_000)
def _terms_of(title: str) -> frozenset[str]:
    """Return the terms of a title; while somebody types the same titles are compared again and again."""
    return frozenset(term for term, _ in analyse(title))


def _assets(query: Query, user: User) -> list[Asset]:
    found = [candidate.pk for candidate in _ASSETS.of(query, user)]
    named = query.names_within
    told = [pk for (pk,) in _NAMED(user=user, tsquery=named)] if named else []
    pks = list(dict.fromkeys([*told, *found]))[:ASSETS_SHOWN]
    by_pk = {asset.pk: asset for asset in _SHOWN_ASSETS(user=user, pks=pks)} if pks else {}
    return [by_pk[pk] for pk in pks if pk in by_pk]
