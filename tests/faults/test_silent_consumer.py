"""F42: one worker's connection to the broker hangs and nothing else: runs start, and the measure tells."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from jobs.choices import RunState
from jobs.models import Worker
from jobs.queue import SILENT, wakeup_lag
from tests.faults.processes import Processes, ended, job, start, until
from tests.faults.relay import Relay

pytestmark = pytest.mark.fault


@pytest.fixture
def relay(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    # The address of a socket is short.
    one = Relay(tmp_path_factory.mktemp("r"), processes.broker.socket)
    yield one
    one.stop()


def lag() -> float:
    return wakeup_lag(timezone.now())


def test_f42_a_consumer_that_is_silent_stops_no_run_and_is_seen(processes: Processes, relay: Relay) -> None:
    worker = processes.worker(redis_url=relay.url, RUN_POLL="1")
    quick = job("test-nothing")

    def woken() -> bool:
        processes.broker.wake(1)
        ended(start(quick))
        return lag() == 0 and Worker.objects.get().woken_at is not None

    until(woken, what="wake-ups come and leave no lag")
    with relay.silent():
        before = Worker.objects.get().woken_at
        seen: list[float] = []
        while len(seen) < 2 or seen[-1] < seen[0] + 1:
            # The broker takes the wake-ups of others; this worker hears none of them.
            processes.broker.wake(1)
            assert ended(start(quick), seconds=10).state == RunState.SUCCEEDED
            seen.append(lag())
            assert seen[-1] > 0, "it says that the work was found without a wake-up"
        assert seen == sorted(seen), "it rises with each run that nobody woke the worker for"
        one = Worker.objects.get()
        assert one.woken_at == before
        # It polls, so it is alive.
        assert one.polled_at > timezone.now() - SILENT / 2
        assert worker.process.poll() is None
        # A worker that polls no more is no longer measured: whoever looks for the dead finds it.
        assert wakeup_lag(timezone.now() + SILENT) == 0
    until(woken, seconds=60, what="the consumer is back, and with it the wake-ups")
