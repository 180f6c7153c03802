"""What holds whatever was killed: checked after every fault test."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Count, F
from django.test import override_settings

from jobs.artifacts import ARTIFACTS, LITTER_AFTER
from jobs.choices import Outcome, RunState
from jobs.models import Artifact, Attempt, Run, RunEvent
from portal.audit.verifying import verify
from tests.faults.processes import until

# What servers of ours are told to look after a lost client by, in seconds, and one more.
BACKEND_ENDS = 3.0
# On a machine that others use too.
BESIDE = 4.0
# Files on their way in: of stores, and of people's uploads.
UNFINISHED = ("*.part", ".*.upload", "*.tmp")
ENDS = [str(state) for state in RunState.ends()]


def assert_invariants(*, all_ended: bool = True, var: Path | None = None) -> None:
    """Check I1–I8 of the run protocol on the whole database; ``var`` is where its processes keep files (I5).

    Files are compared only once all has ended: until then one may lie there whose row is to come.
    """
    if all_ended:
        assert list(Run.objects.open()) == [], "I1: every accepted run comes to an end"
    _each_run_ends_once()
    _attempts_rise()
    _leases_are_the_newest_fence()
    _files_are_those_of_the_winner()
    if all_ended and var is not None:
        files_and_rows_agree(var)
    _slots_are_unique()
    # I7: the chain holds; it raises where it does not.
    verify()
    no_backend_works_for_the_dead()


def _files_are_those_of_the_winner() -> None:
    for artifact in Artifact.objects.select_related("run"):
        won = artifact.run.attempts.filter(fence=artifact.fence, outcome=Outcome.SUCCEEDED)
        assert won.exists(), f"I2: {artifact} of {artifact.run} is by the attempt that won"


def files_and_rows_agree(var: Path) -> None:
    """Check I5: what a row names is there, whole; and what no row names goes with the next tidying."""
    old = time.time() - LITTER_AFTER.total_seconds()
    left = [path for pattern in UNFINISHED for path in var.rglob(pattern) if path.lstat().st_mtime < old]
    assert left == [], "I5: nothing unfinished is older than an hour"
    rows = dict(Artifact.objects.values_list("stored", "size"))
    with override_settings(VAR=var):
        # What a killed worker stored for a row that never came is litter: it goes as the clock lets it go.
        named = Artifact.objects.values_list("stored", flat=True)
        ARTIFACTS.remove_litter(older=timedelta(0), named=lambda names: named.filter(stored__in=names))
        files = {path.name: path.stat().st_size for path in ARTIFACTS.folder().rglob("*") if path.is_file()}
    assert files == rows, "I5: the files are those that rows name"


def no_backend_works_for_the_dead() -> None:
    """Check I8: no session goes on with what it is at now, in whatever words, once nobody waits for it.

    The living poll and commit: what they are at is over in no time.
    """
    seen = _busy()
    until(
        lambda: not seen & _busy(),
        seconds=BACKEND_ENDS + BESIDE,
        what=f"I8: no backend works for a dead attempt: {seen}",
    )


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


def _busy() -> set[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        # Within a transaction the server would tell the same again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT pid, state, query_start, left(query, 200) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
            " AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return set(cursor.fetchall())
