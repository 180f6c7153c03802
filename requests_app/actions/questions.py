"""Ask questions and keep their words, links and followers."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from django.db import transaction

from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor, record
from portal.events import Reference
from portal.search import document
from requests_app import clocks, moment, news
from requests_app.actions.moving import about, move, permitted, span
from requests_app.announcing import announce
from requests_app.choices import Kind, Level, LinkRole, Priority, Visibility
from requests_app.exceptions import MissingField, NotAllowed
from requests_app.models import DataRequest, Follower, Pool, QuestionEvent, QuestionLink
from requests_app.routing import route_of

_EDITABLE: Final = ("title", "body", "kind", "decision_needed", "decision_by", "visibility", "on_behalf")
_TITLE: Final = 200


class Asked(NamedTuple):
    """A question, and whether this call made it or an earlier one with the same token."""

    question: DataRequest
    created: bool


@transaction.atomic
def ask(
    *,
    title: str,
    by: Actor,
    user: User,
    body: str = "",
    kind: str = Kind.NUMBER,
    decision_needed: str = "",
    decision_by: date | None = None,
    on_behalf: Team | None = None,
    visibility: str = Visibility.COMPANY,
    wanted_pool: Pool | None = None,
    urgency: int = Level.MEDIUM,
    links: Iterable[Reference] = (),
    token: str | None = None,
    language: str = "en",
) -> Asked:
    """Ask the data team; with a token (of the form, or an Idempotency-Key) once however often it is sent.

    ``links`` are what the question is about; the caller has checked that the asker may see them. Raises
    MissingField without a title and NotAllowed when asked for a team the asker is not in.
    """
    title = " ".join(title.split())[:_TITLE]
    if not title:
        raise MissingField("title")
    if not user.may(Permission.ASK_QUESTIONS) or (
        on_behalf and on_behalf.pk not in user.team_ids and not user.may(Permission.ANSWER_QUESTIONS)
    ):
        raise NotAllowed
    now = moment.now()
    question = DataRequest(
        title=title,
        body=body,
        kind=kind,
        decision_needed=decision_needed,
        decision_by=decision_by,
        on_behalf=on_behalf,
        visibility=visibility,
        wanted_pool=wanted_pool,
        urgency=urgency,
        priority=Priority.of(Level.MEDIUM, urgency),
        requester=user,
        form_token=token,
        language=language,
        created_at=now,
        updated_at=now,
        state_since=now,
        search=document({"A": [title], "D": [body, decision_needed]}),
        title_search=document({"A": [title]}),
    )
    question, created = _insert_once(question)
    if not created:
        return Asked(question, created=False)
    wanted = [
        QuestionLink(question=question, kind=kind_, key=key, role=LinkRole.ABOUT, created_by=user)
        for kind_, key in dict.fromkeys(links)
    ]
    QuestionLink.objects.bulk_create(wanted)
    span(question, now)
    _event(question, "ask", user=user, by=by)
    record("question.ask", by=by, about=about(question), kind=kind, visibility=visibility)
    clocks.refresh(question)
    route = route_of(question)
    DataRequest.objects.filter(pk=question.pk).update(pool=route.pool, route=route.rule)
    question.refresh_from_db()
    news.asked(question, route=route, by=by)
    return Asked(question, created=True)


@transaction.atomic
def edit_question(
    *, question: DataRequest, user: User, by: Actor, version: int | None = None, **fields: Any
) -> DataRequest:
    """Change words, kind, decision, team or visibility (only what is given); raises ChangedMeanwhile."""
    row = permitted(question, "edit_question", user)
    unknown = set(fields) - set(_EDITABLE)
    if unknown:
        message = f"not editable: {', '.join(sorted(unknown))}"
        raise TypeError(message)
    changed = {name: value for name, value in fields.items() if getattr(question, name) != value}
    if "title" in changed:
        changed["title"] = " ".join(changed["title"].split())[:_TITLE]
        if not changed["title"]:
            raise MissingField("title")
    if not changed:
        return question
    if "on_behalf" in changed:
        team = changed.pop("on_behalf")
        changed["on_behalf_id"] = team.pk if team else None
    words = {
        name: changed.get(name, getattr(question, name)) for name in ("title", "body", "decision_needed")
    }
    move(
        question,
        row,
        user=user,
        by=by,
        version=version,
        changes=changed,
        data={"changed": sorted(changed)},
    )
    DataRequest.objects.filter(pk=question.pk).update(
        search=document({"A": [words["title"]], "D": [words["body"], words["decision_needed"]]}),
        title_search=document({"A": [words["title"]]}),
    )
    return question


@transaction.atomic
def link(*, question: DataRequest, reference: Reference, role: str, user: User, by: Actor) -> QuestionLink:
    """Connect a thing with the question in a role, once; the caller has checked that the person sees it."""
    permitted(question, "link", user)
    kind, key = reference
    made, created = QuestionLink.objects.get_or_create(
        question=question, kind=kind, key=key, role=LinkRole(role), defaults={"created_by": user}
    )
    if created:
        _event(question, "link", user=user, by=by, reference=[kind, key], role=role)
        record("question.link", by=by, about=about(question), reference=[kind, key], role=role)
    return made


@transaction.atomic
def unlink(*, question: DataRequest, reference: Reference, role: str, user: User, by: Actor) -> bool:
    """Take a link away; return whether there was one."""
    permitted(question, "unlink", user)
    kind, key = reference
    gone, _ = QuestionLink.objects.filter(question=question, kind=kind, key=key, role=role).delete()
    if gone:
        _event(question, "unlink", user=user, by=by, reference=[kind, key], role=role)
        record("question.unlink", by=by, about=about(question), reference=[kind, key], role=role)
    return bool(gone)


@transaction.atomic
def me_too(*, question: DataRequest, user: User, by: Actor) -> bool:
    """Follow instead of asking the same again; return whether it is new. Nobody follows their own."""
    permitted(question, "me_too", user)
    if question.requester_id == user.pk:
        return False
    _, created = Follower.objects.get_or_create(
        question=question, user=user, defaults={"me_too": True, "added_by": user}
    )
    if created:
        _event(question, "me_too", user=user, by=by)
        record("question.me_too", by=by, about=about(question))
        news.followed(question, follower=user, by=by)
    return created


@transaction.atomic
def unfollow(*, question: DataRequest, user: User, by: Actor) -> bool:
    """Hear no more of the question; return whether the person had followed it."""
    gone, _ = Follower.objects.filter(question=question, user=user).delete()
    if gone:
        _event(question, "unfollow", user=user, by=by)
        record("question.unfollow", by=by, about=about(question))
        news.unfollowed(question, user=user, by=by)
    return bool(gone)


@transaction.atomic
def add_follower(*, question: DataRequest, person: User, user: User, by: Actor) -> bool:
    """Let somebody see and follow the question, also a private one; return whether it is new."""
    permitted(question, "add_follower", user)
    _, created = Follower.objects.get_or_create(
        question=question, user=person, defaults={"me_too": False, "added_by": user}
    )
    if created:
        _event(question, "add_follower", user=user, by=by, person=person.name)
        record("question.add_follower", by=by, about=about(question), person=person.pk)
        news.let_in(question, person=person, by=by)
    return created


def _insert_once(question: DataRequest) -> tuple[DataRequest, bool]:
    """Insert the question unless its token was used; of any number of equal posts exactly one inserts."""
    if question.form_token is None:
        question.save(force_insert=True)
        question.refresh_from_db()
        return question, True
    token = question.form_token
    DataRequest.objects.bulk_create([question], ignore_conflicts=True)
    standing = DataRequest.objects.select_related("requester", "on_behalf").get(
        requester=question.requester, form_token=token
    )
    # Only what this transaction inserted has no events yet; another's is seen with its first.
    return standing, not QuestionEvent.objects.filter(question=standing).exists()


def _event(question: DataRequest, kind: str, *, user: User, by: Actor, **data: Any) -> None:
    event = QuestionEvent.objects.create(
        question=question,
        kind=kind,
        to_state=question.state,
        user=user,
        actor=by.label,
        version=question.version,
        data=data,
        at=moment.now(),
    )
    announce(event)
