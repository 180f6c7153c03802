"""Write answers, have them read by a second person, publish them."""

from typing import Any

from django.db import transaction
from django.db.models import F

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from requests_app import moment, news
from requests_app.actions.moving import about, answerer, illegal, move, needed, permitted
from requests_app.choices import AnswerStatus, Kind, Resolution, State
from requests_app.exceptions import ChangedMeanwhile, MissingField, NotOwnReview, ReviewNeeded
from requests_app.models import Answer, DataRequest
from requests_app.transitions import Party


@transaction.atomic
def save_draft_answer(
    *, question: DataRequest, body: str, user: User, by: Actor, answer_version: int | None = None
) -> Answer:
    """Keep the draft of the answer; the question stays as it is.

    ``answer_version`` is the version the writer started from (None: there was no draft). Raises
    ChangedMeanwhile when somebody saved in between: neither text is lost, theirs stands, this one is with
    the writer.
    """
    row = permitted(question, "save_draft_answer", user)
    needed(row, body=body.strip())
    draft = _write(question, body, user, answer_version)
    record("answer.save_draft", by=by, about=about(question), answer=draft.pk, version=draft.version)
    return draft


@transaction.atomic
def submit_for_review(
    *,
    question: DataRequest,
    reviewer: User,
    user: User,
    by: Actor,
    body: str | None = None,
    answer_version: int | None = None,
    version: int | None = None,
) -> DataRequest:
    """Ask a colleague to read the draft; with ``body`` it is saved first. The reviewer is not the author."""
    row = permitted(question, "submit_for_review", user)
    answerer(reviewer, "reviewer")
    draft = _draft(question, body, user, answer_version)
    if reviewer.pk in (user.pk, draft.author_id):
        raise NotOwnReview("reviewer")
    Answer.objects.filter(pk=draft.pk).update(status=AnswerStatus.IN_REVIEW, reviewer=reviewer)
    changes = {"reviewer_id": reviewer.pk}
    data = {"reviewer": reviewer.name, "answer": draft.pk}
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    news.to_reviewer(question, row.news, by=by)
    return question


@transaction.atomic
def send_back(
    *, question: DataRequest, note: str, user: User, by: Actor, version: int | None = None
) -> DataRequest:
    """Return the draft to its author with what must change."""
    row = permitted(question, "send_back", user)
    needed(row, note=note.strip())
    question.answers.filter(status=AnswerStatus.IN_REVIEW).update(status=AnswerStatus.DRAFT)
    data = {"note": note.strip()}
    move(question, row, user=user, by=by, version=version, data=data, internal=True)
    news.to_assignee(question, row.news, by=by, note=note.strip())
    return question


@transaction.atomic
def publish_answer(
    *,
    question: DataRequest,
    user: User,
    by: Actor,
    body: str | None = None,
    answer_version: int | None = None,
    version: int | None = None,
    without_evidence: str = "",
) -> Answer:
    """Show the answer to the asker: the assignee directly, or after review the reviewer, who verifies it.

    Raises ReviewNeeded for kinds that demand a second reader, NotOwnReview, MissingField without a text.
    """
    row = permitted(question, "publish_answer", user)
    reviewed = question.state == State.IN_REVIEW
    if not reviewed and Kind(question.kind).needs_review:
        raise ReviewNeeded
    draft = _draft(question, body, user, answer_version)
    if reviewed and draft.author_id == user.pk:
        raise NotOwnReview("reviewer")
    now = moment.now()
    published: dict[str, Any] = {"status": AnswerStatus.PUBLISHED, "published_at": now, "updated_at": now}
    if reviewed:
        published |= {"status": AnswerStatus.VERIFIED, "reviewer": user, "verified_at": now}
    Answer.objects.filter(pk=draft.pk).update(**published)
    changes = {"answer_id": draft.pk, "resolution": Resolution.ANSWERED}
    data: dict[str, Any] = {"answer": draft.pk, "reviewed": reviewed}
    if without_evidence.strip():
        data["without_evidence"] = without_evidence.strip()
    move(question, row, user=user, by=by, version=version, changes=changes, data=data)
    draft.refresh_from_db()
    news.answered(question, by=by)
    return draft


@transaction.atomic
def verify_answer(*, answer: Answer, user: User, by: Actor) -> Answer:
    """Vouch for a published answer as a second person of the data team; then it may answer others too."""
    question = answer.question
    if answer.author_id == user.pk:
        raise NotOwnReview("reviewer")
    answerer(user, "reviewer")
    found = Answer.objects.filter(pk=answer.pk, status__in=[AnswerStatus.PUBLISHED, AnswerStatus.STALE])
    now = moment.now()
    if not found.update(
        status=AnswerStatus.VERIFIED, reviewer=user, verified_at=now, updated_at=now, stale_reason=""
    ):
        raise illegal(question, "verify_answer", user)
    record("answer.verify", by=by, about=about(question), answer=answer.pk)
    answer.refresh_from_db()
    return answer


@transaction.atomic
def mark_stale(*, answer: Answer, reason: str, user: User, by: Actor) -> Answer:
    """Say that a published answer no longer holds, and why; readers are warned."""
    answerer(user, "user")
    if not reason.strip():
        raise MissingField("reason")
    found = Answer.objects.filter(pk=answer.pk, status__in=[AnswerStatus.PUBLISHED, AnswerStatus.VERIFIED])
    if not found.update(status=AnswerStatus.STALE, stale_reason=reason.strip(), updated_at=moment.now()):
        raise illegal(answer.question, "mark_stale", user)
    record("answer.mark_stale", by=by, about=about(answer.question), answer=answer.pk, reason=reason.strip())
    answer.refresh_from_db()
    return answer


def may_write(parties: frozenset[Party]) -> bool:
    """Say whether somebody who is this to a question writes its draft."""
    return bool(parties & {Party.ASSIGNEE, Party.REVIEWER})


def _draft(question: DataRequest, body: str | None, user: User, answer_version: int | None) -> Answer:
    """Return the draft, saved with ``body`` if one is given; raises MissingField when there is no text."""
    if body is not None and body.strip():
        return _write(question, body, user, answer_version)
    draft = question.answers.drafts().first()
    if draft is None:
        raise MissingField("body")
    return draft


def _write(question: DataRequest, body: str, user: User, answer_version: int | None) -> Answer:
    now = moment.now()
    draft = question.answers.drafts().first()
    if draft is None:
        if answer_version is not None:
            raise ChangedMeanwhile
        made = Answer(question=question, body=body, author=user, created_at=now, updated_at=now)
        # Two first saves at once: the unique draft lets one in, the other is told.
        Answer.objects.bulk_create([made], ignore_conflicts=True)
        draft = question.answers.drafts().get()
        if draft.body != body or draft.author_id != user.pk:
            raise ChangedMeanwhile
        return draft
    expected = draft.version if answer_version is None else answer_version
    mine = Answer.objects.filter(pk=draft.pk, version=expected)
    if not mine.update(body=body, version=F("version") + 1, updated_at=now):
        raise ChangedMeanwhile
    draft.refresh_from_db()
    return draft
