"""Everything dies at once and again: bodies, workers, the broker and PostgreSQL, in any order."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DatabaseError, connection

from jobs.choices import Outcome, RunState
from jobs.engine.fork_server import TITLE
from jobs.models import Job, Run
from tests.faults.own import FAST, IMMEDIATE, OwnDatabase
from tests.faults.processes import (
    LEASE,
    Processes,
    Started,
    bodies_of,
    children,
    job,
    pool_of,
    start,
    title_of,
    with_descendants,
)

WORKERS = 3
# A worker in its grave is replaced; the machine has only so many cores to start another one on.
PAUSE = 0.4


@dataclass
class Chaos:
    """Harm one set of processes until all runs have ended."""

    processes: Processes
    database: OwnDatabase
    chance: random.Random
    workers: list[Started] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    _stopped: tuple[Started, float] | None = None

    def begin(self) -> None:
        """Start what is to be harmed."""
        self.processes.clock()
        self.workers = [self.processes.worker() for _ in range(WORKERS)]

    def go_on_until(self, over: Callable[[], bool], *, seconds: float) -> None:
        """Do harm, each kind of it in each round; nothing more once all is over or the time has passed."""
        deadline = time.monotonic() + seconds
        while not over():
            kinds = [
                self.kill_a_body,
                self.kill_a_body,
                self.kill_a_fork_server,
                self.kill_a_pool_child,
                self.kill_a_worker,
                self.stop_a_worker,
                self.wipe_the_broker,
                self.restart_the_broker,
                self.restart_the_database,
            ]
            self.chance.shuffle(kinds)
            for harm in kinds:
                if over():
                    break
                assert time.monotonic() < deadline, f"not over within {seconds} s: {self.done}, {_states()}"
                harm()
                self._wake_the_stopped()
                time.sleep(self.chance.uniform(0, PAUSE))
        self._wake_the_stopped(now=True)

    def kill_a_body(self) -> None:
        """End what works for a run."""
        bodies = [body for worker in self.workers for child in pool_of(worker) for body in bodies_of(child)]
        self._kill("body", bodies)

    def kill_a_fork_server(self) -> None:
        """End what forks a pool child's bodies, and with it the body."""
        pool = [child for worker in self.workers for child in pool_of(worker)]
        below = [pid for child in pool for pid in children(child)]
        self._kill("fork server", [pid for pid in below if title_of(pid) == TITLE])

    def kill_a_pool_child(self) -> None:
        """End a supervisor, idle or not."""
        self._kill("pool child", [child for worker in self.workers for child in pool_of(worker)])

    def kill_a_worker(self) -> None:
        """End a worker with all that it has, and start another."""
        victim = self._awake()
        victim.kill_group()
        self.workers.remove(victim)
        self.workers.append(self.processes.worker())
        self.done["worker"] += 1

    def stop_a_worker(self) -> None:
        """Let a worker and its bodies stand still for longer than their lease."""
        if self._stopped is not None:
            return
        victim = self._awake()
        _signal(victim, signal.SIGSTOP)
        self._stopped = victim, time.monotonic() + LEASE + 1
        self.done["stopped worker"] += 1

    def wipe_the_broker(self) -> None:
        """Forget the wake-ups."""
        self.processes.broker.wipe()
        self.done["broker wiped"] += 1

    def restart_the_broker(self) -> None:
        """End the broker, and start it again with nothing in it."""
        with self.processes.broker.away():
            time.sleep(self.chance.uniform(0, PAUSE))
        self.done["broker restarted"] += 1

    def restart_the_database(self) -> None:
        """End PostgreSQL as an administrator does, or at once, and start it again."""
        self.database.stop(self.chance.choice([FAST, IMMEDIATE]))
        time.sleep(self.chance.uniform(0, PAUSE))
        self.database.start()
        self.done["database restarted"] += 1

    def _awake(self) -> Started:
        stopped = self._stopped[0] if self._stopped else None
        return self.chance.choice([worker for worker in self.workers if worker is not stopped])

    def _kill(self, name: str, pids: list[int]) -> None:
        if pids:
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(pids), signal.SIGKILL)
                self.done[name] += 1

    def _wake_the_stopped(self, *, now: bool = False) -> None:
        if self._stopped is None or (not now and time.monotonic() < self._stopped[1]):
            return
        _signal(self._stopped[0], signal.SIGCONT)
        self._stopped = None


# As many as a job may have: what is done to a run here must not use them up.
_ATTEMPTS = 20


def queue(count: int, file: Path, chance: random.Random) -> Job:
    """Queue so many runs, each of which leaves a trace; return their job."""
    tracing = job("test-trace", max_attempts=_ATTEMPTS)
    for _ in range(count):
        start(tracing, path=str(file), seconds=round(chance.uniform(0, 0.5), 3))
    return tracing


def all_ended() -> bool:
    """Say whether no run is open; while PostgreSQL is away nobody knows."""
    try:
        return not Run.objects.open().exists()
    except DatabaseError:
        connection.close()
        return False


def assert_each_finished_once(tracing: Job, count: int, file: Path) -> None:
    """Check that each run succeeded, by one attempt, recorded once, and that this attempt did the work."""
    runs = list(tracing.runs.prefetch_related("attempts", "events"))
    assert len(runs) == count
    assert Counter(run.state for run in runs) == {RunState.SUCCEEDED: count}
    traces = Counter(file.read_text().splitlines())
    assert set(traces.values()) == {1}, "no attempt works twice"
    for run in runs:
        won = [attempt for attempt in run.attempts.all() if attempt.outcome == Outcome.SUCCEEDED]
        assert len(won) == 1, run
        assert [event.kind for event in run.events.all()].count("succeeded") == 1, run
        assert run.outputs == {"fence": won[0].fence}, "what is kept is the winner's"
        assert traces[f"{run.pk} {won[0].fence} ends"] == 1, "the winner worked to its end"


def _signal(worker: Started, number: signal.Signals) -> None:
    for pid in with_descendants(worker):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _states() -> Counter[str]:
    return Counter(Run.objects.values_list("state", flat=True))
