"""The only way from a request to a question: what somebody may not know of does not exist for them."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.http import Http404
from django.urls import reverse

from catalog.access import sees_tables
from portal.accounts.access import require
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.evidence.models import Citation
from requests_app import moment
from requests_app.models import Answer, DataRequest, DutyShift, Pool, Tour
from requests_app.transitions import Party, Transition, possible

_PEOPLE: Final = ("requester", "assignee", "reviewer")
_BIGGEST: Final = 2**63
_SHOWN: Final = Prepared(
    lambda *, user, number: (
        DataRequest.objects.visible_to(user)
        .select_related("on_behalf", "pool", "answer")
        .defer("search", "title_search")
        .filter(number=number)
    )
)
_KNOWN: Final = Prepared(lambda *, ids: User.objects.filter(pk__in=ids))
_ON_DUTY: Final = Prepared(lambda *, day, user: DutyShift.objects.on(day).filter(user=user).values("pk")[:1])
_PLACED: Final = Prepared(
    lambda *, day, user, team: Tour.objects.on(day).filter(analyst=user, team=team).values("pk")[:1]
)


def access_question(user: User, number: int, *, for_: Permission = Permission.ASK_QUESTIONS) -> DataRequest:
    """Return the question of this number; missing and invisible are both 404, visible but not allowed 403."""
    # PostgreSQL refuses a number beyond bigint; such a question cannot exist.
    if number >= _BIGGEST:
        raise Http404
    question = _SHOWN.first(user=user, number=number)
    if question is None:
        raise Http404
    require(user, for_)
    _know_people(question)
    return question


def _know_people(question: DataRequest) -> None:
    """Read the people of a question at once: as four joins they cost the planner more than the reading."""
    roles: list[tuple[DataRequest | Answer, str]] = [(question, name) for name in _PEOPLE]
    if question.answer is not None:
        roles.append((question.answer, "author"))
    ids = {getattr(thing, f"{name}_id") for thing, name in roles} - {None}
    people = {person.pk: person for person in _KNOWN(ids=ids)}
    for thing, name in roles:
        setattr(thing, name, people.get(getattr(thing, f"{name}_id")))


def access_answer(user: User, number: int, answer_id: int) -> Answer:
    """Return an answer of this very question that this person may read: drafts only for the data team."""
    question = access_question(user, number)
    answers = question.answers.all() if user.may(Permission.ANSWER_QUESTIONS) else question.answers.shown()
    answer = answers.select_related("author", "reviewer", "question").filter(pk=answer_id).first()
    if answer is None:
        raise Http404
    return answer


@dataclass(frozen=True, slots=True)
class Cited:
    """Evidence of an answer as it was reached: the question that shows it may have it from another one."""

    question: DataRequest
    answer: Answer
    citation: Citation

    @property
    def url(self) -> str:
        """Where its part, its file and its verification are found."""
        return reverse("question_evidence", args=[self.question.number, self.citation.pk])


def access_evidence(user: User, number: int, citation_id: int) -> Cited:
    """Return the evidence of an answer that the question shows, if the person may read all that it rests on.

    Everything else is 404: a draft's for whoever may not read drafts, and what reads data they may not see.
    """
    question = access_question(user, number)
    if citation_id >= _BIGGEST:
        raise Http404
    citation = (
        Citation.objects.select_related("evidence", "evidence__result")
        .filter(pk=citation_id, about_kind="answer")
        .first()
    )
    if citation is None or not sees_tables(user, citation.evidence.tables):
        raise Http404
    answers = Answer.objects.filter(Q(question=question) | Q(pk=question.answer_id))
    if not user.may(Permission.ANSWER_QUESTIONS):
        answers = answers.shown()
    answer = answers.select_related("question").filter(pk=int(citation.about_key)).first()
    if answer is None:
        raise Http404
    return Cited(question, answer, citation)


def evidence_readable(answer: Answer, reader: User) -> bool:
    """Say whether this person may see every table that the answer's evidence reads.

    Who may not is told the words of the answer but neither its rows nor its SQL.
    """
    kind, key = answer.reference
    cited = Citation.objects.about(kind, key).values_list("evidence__tables", flat=True)
    return sees_tables(reader, {table for each in cited for table in each})


def parties_of(question: DataRequest, user: User) -> frozenset[Party]:
    """Return everything this person is to the question, who must already be known to see it."""
    held = {Party.READER}
    if question.requester_id == user.pk:
        held.add(Party.ASKER)
    if not user.may(Permission.ANSWER_QUESTIONS):
        return frozenset(held)
    held.add(Party.ANALYST)
    if question.assignee_id == user.pk:
        held.add(Party.ASSIGNEE)
    if question.reviewer_id == user.pk:
        held.add(Party.REVIEWER)
    if may_triage(user, question):
        held.add(Party.TRIAGER)
    return frozenset(held)


def may_triage(user: User, question: DataRequest | None = None) -> bool:
    """Say whether this person triages: always, on duty today, or placed in the question's team now."""
    if user.may(Permission.TRIAGE_QUESTIONS):
        return True
    if not user.may(Permission.ANSWER_QUESTIONS):
        return False
    today = moment.today(user.time_zone)
    if _ON_DUTY(day=today, user=user.pk):
        return True
    team = question.on_behalf_id if question is not None else None
    return team is not None and bool(_PLACED(day=today, user=user.pk, team=team))


def placed_in(user: User) -> list[int]:
    """Return the teams this person is placed in today."""
    tours = Tour.objects.on(moment.today(user.time_zone)).filter(analyst=user)
    return list(tours.values_list("team_id", flat=True))


def colleague(email: str) -> User | None:
    """Return the active person of the data team with this e-mail; None for everybody else."""
    found = User.objects.filter(email=email.lower(), is_active=True).first()
    return found if found is not None and found.may(Permission.ANSWER_QUESTIONS) else None


def pool_named(key: str) -> Pool | None:
    """Return the pool of this key; the data team's own, and no secret."""
    return Pool.objects.filter(key=key).first()


def available(question: DataRequest, user: User) -> tuple[Transition, ...]:
    """Return the steps this person may take with the question now, in the table's order."""
    return possible(question.state, parties_of(question, user))
