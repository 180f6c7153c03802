"""What holds whatever was killed: checked after every fault test."""

from django.db import connection
from django.db.models import Count, F

from jobs.choices import Outcome, RunState
from jobs.models import Attempt, Run, RunEvent
from portal.audit.verifying import verify
from tests.faults.processes import until

ENDS = [str(state) for state in RunState.ends()]


def assert_invariants(*, all_ended: bool = True) -> None:
    """Check I1–I4 and I6–I8 of the run protocol on the whole database."""
    if all_ended:
        assert list(Run.objects.open()) == [], "I1: every accepted run comes to an end"
    _each_run_ends_once()
    _attempts_rise()
    _leases_are_the_newest_fence()
    _slots_are_unique()
    # I7: the chain holds; it raises where it does not.
    verify()
    until(_no_backend_of_the_dead, seconds=5, what="I8: no backend works for a dead attempt")


def _each_run_ends_once() -> None:
    for run in Run.objects.exclude(state__in=[RunState.QUEUED, RunState.RUNNING, RunState.DEFERRED]):
        ends = [event.kind for event in run.events.all() if event.kind in ENDS]
        lost = run.state == RunState.LOST or run.reason == "worker_lost"
        assert ends == [run.state] or (lost and len(ends) <= 1), f"I1, I4: {run} ended as {ends}"
    for follower in (
        Run.objects.filter(trigger="after").values("job", "idempotency_key").annotate(n=Count("id"))
    ):
        assert follower["n"] == 1, "I4: a follower starts once"


def _attempts_rise() -> None:
    for run in Run.objects.prefetch_related("attempts"):
        attempts = list(run.attempts.all())
        fences = [attempt.fence for attempt in attempts]
        assert fences == sorted(set(fences)), f"I2: fences of {run} rise"
        numbers = [attempt.number for attempt in attempts if attempt.outcome != Outcome.HANDED_OVER]
        assert numbers == sorted(set(numbers)), f"I2: attempts of {run} rise: {numbers}"
        won = [attempt for attempt in attempts if attempt.outcome == Outcome.SUCCEEDED]
        assert len(won) == (run.state == RunState.SUCCEEDED), f"I2: one attempt of {run} wins"
        if won:
            assert won[0] == attempts[-1], f"I3: the newest attempt of {run} wins"


def _leases_are_the_newest_fence() -> None:
    going = Attempt.objects.filter(outcome=Outcome.RUNNING)
    assert not going.exclude(run__state=RunState.RUNNING).exists(), "I2: no attempt outlives its claim"
    assert not going.exclude(fence=F("run__fence")).exists(), "I3: only the newest fence works"


def _slots_are_unique() -> None:
    slots = Run.objects.filter(slot__isnull=False).values("schedule", "slot").annotate(n=Count("id"))
    assert not slots.filter(n__gt=1).exists(), "I6: a slot has one run"
    started = RunEvent.objects.filter(kind="started").values("run", "data__attempt").annotate(n=Count("id"))
    handed_over = Run.objects.filter(hand_overs__gt=0).values("pk")
    assert not started.exclude(run__in=handed_over).filter(n__gt=1).exists(), "I2: an attempt starts once"


def _no_backend_of_the_dead() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
            " AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'"
        )
        return int(cursor.fetchone()[0]) == 0
