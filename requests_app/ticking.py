"""What the clock does for questions, once a tick; any number of clocks may do it at the same time.

Each row is taken in a transaction of its own, with SKIP LOCKED: another clock's row is passed over, and what
a crash left undone is found again by the next tick.
"""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from catalog.choices import AssetKind
from catalog.models import Dataset
from jobs.choices import RunState
from jobs.models import Run
from portal.accounts.prepared import Prepared
from requests_app import moment, news
from requests_app.actions import closing, triage, work
from requests_app.actions.closing import CLOCK
from requests_app.business_time import business_time
from requests_app.choices import LinkRole, State, WakeOn
from requests_app.exceptions import QuestionError
from requests_app.models import Calendar, DataRequest, QuestionLink, SlaClock

BATCH: Final = 200
# The asker is reminded twice, then the question is closed; an answer counts as accepted after a week.
REMIND_AFTER: Final = (2, 4)
CLOSE_AFTER: Final = 6
ACCEPTED_AFTER: Final = 5
_SLOW_EVERY_S: Final = 20.0
_last_slow = [float("-inf")]


def tick() -> None:
    """Tell of deadlines at each tick; wake, unblock, remind and close every twenty seconds."""
    tell_deadlines()
    if time.monotonic() - _last_slow[0] < _SLOW_EVERY_S:
        return
    _last_slow[0] = time.monotonic()
    wake_snoozed()
    unblock_recovered()
    remind_and_close()
    close_accepted()


@Prepared
def _untold_deadlines(*, now: datetime) -> QuerySet[SlaClock, int]:
    waiting = Q(warned_at=None, warn_at__lte=now) | Q(breached_at=None, due_at__lte=now)
    clocks = SlaClock.objects.filter(waiting, stopped_at=None).order_by("due_at")
    return clocks.values_list("pk", flat=True)[:BATCH]


def tell_deadlines() -> int:
    """Tell of deadlines that near or have passed, once each; return how many were told."""
    now = moment.now()
    told = 0
    for pk in _untold_deadlines(now=now):
        with transaction.atomic():
            clock = (
                SlaClock.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("question__requester", "question__assignee", "question__pool")
                .filter(pk=pk, stopped_at=None)
                .first()
            )
            if clock is not None and closing.tell_deadline(clock=clock, now=now):
                told += 1
    return told


def wake_snoozed() -> int:
    """Wake what has slept long enough, or whose job or dataset came back; return how many."""
    now = moment.now()
    over = Q(snoozed_until__lte=now) | Q(wake_on__in=[WakeOn.JOB, WakeOn.DATASET])
    sleeping = DataRequest.objects.open().filter(over, snoozed_until__isnull=False)

    def wake(question: DataRequest) -> bool:
        due = question.snoozed_until is not None and question.snoozed_until <= now
        if not due and not _came_back(
            question, question.snoozed_at or now, _WAKING.get(question.wake_on, ())
        ):
            return False
        sleeper = question.snoozed_by
        triage.wake(question=question, user=None, by=CLOCK)
        news.woken(question, sleeper=sleeper, by=CLOCK)
        return True

    return _each(sleeping.order_by("snoozed_until"), wake)


def unblock_recovered() -> int:
    """Go on with questions whose blocking job or dataset has recovered since they were blocked."""
    blocked = DataRequest.objects.filter(state=State.BLOCKED, links__role=LinkRole.BLOCKED_BY).distinct()

    def unblock(question: DataRequest) -> bool:
        if not _came_back(question, question.state_since, ("job", "dataset"), LinkRole.BLOCKED_BY):
            return False
        work.unblock(question=question, user=None, by=CLOCK)
        return True

    return _each(blocked.order_by("state_since"), unblock)


def remind_and_close() -> int:
    """Remind askers of a reply that is waited for, and close after the last reminder."""

    def handle(question: DataRequest) -> bool:
        days = working_days(question.state_since, moment.now())
        if days >= CLOSE_AFTER and question.reminders >= len(REMIND_AFTER):
            closing.close_unanswered(question=question)
            return True
        given = question.reminders
        if given < len(REMIND_AFTER) and days >= REMIND_AFTER[given]:
            return closing.remind(question=question)
        return False

    return _each(_long_since(State.NEEDS_INFO, REMIND_AFTER[0]), handle)


def close_accepted() -> int:
    """Close answered questions that nobody objected to."""

    def handle(question: DataRequest) -> bool:
        if working_days(question.state_since, moment.now()) < ACCEPTED_AFTER:
            return False
        closing.close_answered(question=question)
        return True

    return _each(_long_since(State.ANSWERED, ACCEPTED_AFTER), handle)


def working_days(start: datetime, end: datetime) -> float:
    """Return the working time between, in days of the standard calendar; plain days without a calendar."""
    calendar = Calendar.objects.current().order_by("pk").first()
    if calendar is None:
        return (end - start) / timedelta(days=1)
    return business_time(calendar).between(start, end) / _day_of(calendar)


def _day_of(calendar: Calendar) -> float:
    """Return the seconds of an average working day of this calendar."""
    opened: dict[int, float] = {}
    for day, start, end in calendar.windows:
        opened[day] = opened.get(day, 0.0) + _seconds(end) - _seconds(start)
    return sum(opened.values()) / len(opened)


def _seconds(clock: str) -> float:
    hours, minutes = clock.split(":")[:2]
    return int(hours) * 3600 + int(minutes) * 60


def _long_since(state: State, days: int) -> QuerySet[DataRequest]:
    # So many working days take more than one day less of the calendar; the index answers this much.
    before = moment.now() - timedelta(days=days - 1)
    return DataRequest.objects.filter(state=state, state_since__lte=before).order_by("state_since")


def _each(found: QuerySet[DataRequest], handle: Callable[[DataRequest], bool]) -> int:
    """Call ``handle`` for each row that nobody else holds, each in a transaction of its own."""
    done = 0
    for pk, version in list(found.values_list("pk", "version")[:BATCH]):
        with transaction.atomic():
            question = (
                DataRequest.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("requester", "assignee", "snoozed_by")
                .filter(pk=pk, version=version)
                .first()
            )
            if question is None:
                continue
            try:
                done += handle(question)
            except QuestionError:
                # Somebody was faster in a way the row did not show; the next tick sees it anew.
                transaction.set_rollback(True)
    return done


_WAKING: Final[dict[str, tuple[str, ...]]] = {WakeOn.JOB: ("job",), WakeOn.DATASET: ("dataset",)}


def _came_back(
    question: DataRequest, since: datetime, kinds: Iterable[str], role: LinkRole | None = None
) -> bool:
    """Say whether a linked job's last run succeeded, or a linked dataset was published, since then."""
    links = QuestionLink.objects.filter(question=question, kind__in=tuple(kinds))
    if role is not None:
        links = links.filter(role=role)
    return any(_recovered(linked, since) for linked in links)


def _recovered(linked: QuestionLink, since: datetime) -> bool:
    if linked.kind == "job":
        last = Run.objects.filter(job__key=linked.key).order_by("-id").only("state", "finished_at").first()
        return (
            last is not None
            and last.state == RunState.SUCCEEDED
            and last.finished_at is not None
            and last.finished_at > since
        )
    datasets = Dataset.objects.filter(asset__kind=AssetKind.DATASET, asset__key=linked.key)
    return datasets.filter(published_at__gt=since).exists()
