"""What the clock does with questions that wait for somebody: remind, close, tell of deadlines."""

from datetime import datetime

from django.db import transaction

from portal.audit.actions import Actor, record
from requests_app import moment, news
from requests_app.actions.moving import about, move, permitted
from requests_app.choices import Resolution
from requests_app.models import DataRequest, QuestionEvent, SlaClock

CLOCK = Actor.system("clock")


@transaction.atomic
def close_unanswered(*, question: DataRequest) -> DataRequest:
    """Close a question whose asker did not reply, after the reminders."""
    row = permitted(question, "close_unanswered", None)
    move(question, row, user=None, by=CLOCK, changes={"resolution": Resolution.NO_REPLY})
    news.to_asker(question, row.news, by=CLOCK, reason="no_reply")
    return question


@transaction.atomic
def close_answered(*, question: DataRequest) -> DataRequest:
    """Close a question whose answer nobody objected to."""
    row = permitted(question, "close_answered", None)
    changes = {"resolution": question.resolution or Resolution.ANSWERED}
    move(question, row, user=None, by=CLOCK, changes=changes)
    news.to_asker(question, row.news, by=CLOCK, reason="accepted")
    return question


@transaction.atomic
def remind(*, question: DataRequest) -> bool:
    """Remind the asker once more that their reply is waited for; says whether this call did it."""
    mine = DataRequest.objects.filter(pk=question.pk, state=question.state, reminders=question.reminders)
    if not mine.update(reminders=question.reminders + 1):
        return False
    question.reminders += 1
    QuestionEvent.objects.create(
        question=question,
        kind="remind",
        from_state=question.state,
        to_state=question.state,
        actor=CLOCK.label,
        version=question.version,
        data={"reminder": question.reminders},
        at=moment.now(),
    )
    record("question.remind", by=CLOCK, about=about(question), reminder=question.reminders)
    news.to_asker(question, "question.reminded", by=CLOCK, reminder=question.reminders)
    return True


@transaction.atomic
def tell_deadline(*, clock: SlaClock, now: datetime) -> str:
    """Tell who must act that a deadline nears or has passed, once each; returns the kind of news, or ""."""
    still = SlaClock.objects.filter(pk=clock.pk, stopped_at=None, due_at__isnull=False)
    if clock.due_at is not None and clock.due_at <= now:
        if still.filter(breached_at=None, due_at__lte=now).update(
            breached_at=now, warned_at=clock.warned_at or now
        ):
            news.deadline(clock.question, "question.overdue", clock=clock, by=CLOCK)
            return "question.overdue"
        return ""
    if still.filter(warned_at=None, warn_at__lte=now).update(warned_at=now):
        news.deadline(clock.question, "question.due_soon", clock=clock, by=CLOCK)
        return "question.due_soon"
    return ""
