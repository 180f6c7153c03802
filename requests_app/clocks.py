"""Deadlines: derived from the spans in which a question stood, never counted along.

Nothing keeps a running total. Each change of a question works out its clocks anew from its spans, so that a
pause, a new priority or an undone step cannot leave a wrong deadline behind.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db.models import Q

from portal.accounts.models import User
from requests_app import moment
from requests_app.business_time import BusinessTime, business_time
from requests_app.choices import Category, ClockMetric, ClockOutcome, State
from requests_app.models import Calendar, DataRequest, SlaClock, SlaPolicy, StateSpan
from requests_app.transitions import Effect

WARN_AT: Final = 0.75
_DERIVED: Final = ["policy", "target_s", "paused_s", "due_at", "warn_at", "stopped_at", "outcome"]
# First response never pauses: asking back is one.
PAUSES: Final = {
    ClockMetric.TRIAGE: frozenset({Category.REQUESTER}),
    ClockMetric.FIRST_RESPONSE: frozenset[Category](),
    ClockMetric.NEXT_UPDATE: frozenset({Category.REQUESTER}),
    ClockMetric.ANSWER: frozenset({Category.REQUESTER, Category.OTHER}),
    ClockMetric.HAND_OVER: frozenset({Category.REQUESTER, Category.OTHER}),
}


def refresh(
    question: DataRequest,
    *,
    effects: Iterable[Effect] = (),
    at: datetime | None = None,
    user: User | None = None,
) -> None:
    """Start, stop, pause and move the clocks as the question's row and spans now say, and what just happened.

    Writes ``next_due_at`` and ``next_warn_at`` of the row; without a policy that fits it has no deadlines.
    """
    now = at or moment.now()
    policy = policy_for(question)
    spans = list(question.spans.all())
    clocks = {
        (clock.metric, clock.cycle): clock for clock in question.clocks.select_related("policy", "calendar")
    }
    if policy is not None:
        calendar = Calendar.objects.current().filter(key=policy.calendar_key).first()
        if calendar is not None:
            _begin(question, policy, calendar, spans, clocks, frozenset(effects), now, user)
    for clock in clocks.values():
        if policy is not None:
            _retarget(clock, policy)
        _derive(clock, question, spans, frozenset(effects), now, user)
        _keep(clock)
    running = [clock for clock in clocks.values() if clock.is_running]
    due = min((clock.due_at for clock in running if clock.due_at), default=None)
    warn = min((clock.warn_at for clock in running if clock.warn_at), default=None)
    DataRequest.objects.filter(pk=question.pk).update(next_due_at=due, next_warn_at=warn)
    question.next_due_at, question.next_warn_at = due, warn


def _keep(clock: SlaClock) -> None:
    """Write what is derived, and only that: the clock process notes in other columns whom it has told."""
    if clock._state.adding:
        clock.save(force_insert=True)
    else:
        clock.save(update_fields=_DERIVED)


def policy_for(question: DataRequest) -> SlaPolicy | None:
    """Return the first active policy, by its order, that fits the question's kind and priority."""
    policies = SlaPolicy.objects.current().filter(active=True).order_by("order", "key")
    for policy in policies:
        fits_kind = not policy.kinds or question.kind in policy.kinds
        if fits_kind and (not policy.priorities or question.priority in policy.priorities):
            return policy
    return None


def _begin(
    question: DataRequest,
    policy: SlaPolicy,
    calendar: Calendar,
    spans: list[StateSpan],
    clocks: dict[tuple[str, int], SlaClock],
    effects: frozenset[Effect],
    now: datetime,
    user: User | None,
) -> None:
    """Add the clocks that should run and do not exist yet."""
    cycle = question.reopen_count
    began = cycle_start(question, spans)
    wanted: list[tuple[ClockMetric, int, datetime]] = []
    if any(span.cycle == cycle and span.state == State.NEW for span in spans):
        wanted.append((ClockMetric.TRIAGE, cycle, began))
    if cycle == 0:
        wanted.append((ClockMetric.FIRST_RESPONSE, 0, question.created_at))
    if question.is_open or question.state == State.ANSWERED:
        wanted.append((ClockMetric.ANSWER, cycle, began))
    for effect, metric in (
        (Effect.ASKER_WAITS, ClockMetric.NEXT_UPDATE),
        (Effect.HANDED_OVER, ClockMetric.HAND_OVER),
    ):
        same = [clock for clock in clocks.values() if clock.metric == metric]
        if effect in effects and question.is_open and not any(clock.is_running for clock in same):
            wanted.append((metric, len(same), now))
    for metric, number, started_at in wanted:
        minutes = policy.targets.get(metric)
        if minutes and (metric, number) not in clocks:
            clocks[metric, number] = SlaClock(
                question=question,
                metric=metric,
                cycle=number,
                policy=policy,
                calendar=calendar,
                target_s=minutes * 60,
                started_at=started_at,
            )


def cycle_start(question: DataRequest, spans: list[StateSpan]) -> datetime:
    """Return when the question was asked, or last reopened."""
    return min(
        (span.from_at for span in spans if span.cycle == question.reopen_count), default=question.created_at
    )


def _retarget(clock: SlaClock, policy: SlaPolicy) -> None:
    """Give a running clock the policy that now fits; another version of its own policy changes nothing."""
    minutes = policy.targets.get(clock.metric)
    if clock.is_running and clock.policy.key != policy.key and minutes:
        clock.policy, clock.target_s = policy, minutes * 60


def _derive(
    clock: SlaClock,
    question: DataRequest,
    spans: list[StateSpan],
    effects: frozenset[Effect],
    now: datetime,
    user: User | None,
) -> None:
    """Work out pause, deadline and end of one clock."""
    hours = business_time(clock.calendar)
    metric = ClockMetric(clock.metric)
    stop, dropped = _stop(clock, question, effects, now, user)
    clock.paused_s = round(_paused(hours, metric, clock, spans, stop or now))
    due = hours.add(clock.started_at, clock.target_s + clock.paused_s)
    clock.stopped_at = stop
    if stop is not None:
        clock.due_at, clock.warn_at = due, None
        late = ClockOutcome.MISS if stop > due else ClockOutcome.HIT
        clock.outcome = ClockOutcome.DROPPED if dropped else late
        return
    clock.outcome = ClockOutcome.RUNNING
    if question.category in PAUSES[metric]:
        clock.due_at = clock.warn_at = None
        return
    clock.due_at = due
    clock.warn_at = min(due, hours.add(clock.started_at, WARN_AT * clock.target_s + clock.paused_s))


def _paused(
    hours: BusinessTime, metric: ClockMetric, clock: SlaClock, spans: list[StateSpan], until: datetime
) -> float:
    pauses = [span for span in spans if span.category in PAUSES[metric]]
    return sum(
        hours.between(max(span.from_at, clock.started_at), min(span.to_at or until, until)) for span in pauses
    )


def _stop(
    clock: SlaClock, question: DataRequest, effects: frozenset[Effect], now: datetime, user: User | None
) -> tuple[datetime | None, bool]:
    """Return when the clock stopped, None while it runs; and whether it was dropped rather than met."""
    metric = ClockMetric(clock.metric)
    if metric in (ClockMetric.NEXT_UPDATE, ClockMetric.HAND_OVER):
        if clock.stopped_at is not None:
            return clock.stopped_at, clock.outcome == ClockOutcome.DROPPED
        met = _met(metric, question, effects, user)
        if met and now > clock.started_at:
            return now, False
    else:
        reached = {
            ClockMetric.TRIAGE: question.triaged_at,
            ClockMetric.FIRST_RESPONSE: question.first_response_at,
            ClockMetric.ANSWER: question.answered_at,
        }[metric]
        if reached is not None and reached >= clock.started_at:
            return reached, False
        if metric != ClockMetric.FIRST_RESPONSE and clock.cycle < question.reopen_count:
            return clock.stopped_at or now, True
    if question.closed_at is not None:
        return question.closed_at, True
    return None, False


def _met(metric: ClockMetric, question: DataRequest, effects: frozenset[Effect], user: User | None) -> bool:
    if metric == ClockMetric.NEXT_UPDATE:
        return bool(effects & {Effect.UPDATED, Effect.ANSWERED, Effect.CLOSED})
    mine = user is not None and user.pk == question.assignee_id
    return mine and Effect.HANDED_OVER not in effects


def running(question: DataRequest) -> Iterable[SlaClock]:
    """Return the clocks that have not stopped, the nearest deadline first and paused ones last."""
    return question.clocks.filter(Q(stopped_at=None)).order_by("due_at", "id")
