"""The chaos run: whatever dies, whenever, each accepted run finishes, and finishes once.

``make soak`` has more runs of it: CHAOS_RUNS in CHAOS_ROUNDS rounds, each with a seed of its own.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import chaos
from tests.faults.chaos import Chaos, all_ended, assert_each_finished_once
from tests.faults.conftest import _clear
from tests.faults.invariants import assert_invariants
from tests.faults.own import OwnDatabase
from tests.faults.processes import Broker, Processes, until

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]

RUNS = int(os.environ.get("CHAOS_RUNS", "60"))
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))


@pytest.fixture
def harmed(own: OwnDatabase, broker: Broker, tmp_path: Path) -> Iterator[Processes]:
    _clear()
    processes = Processes(tmp_path, broker)
    try:
        yield processes
        assert_invariants(var=tmp_path / "var")
    finally:
        processes.stop()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_whatever_dies_each_run_finishes_once(
    own: OwnDatabase, harmed: Processes, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    harm = Chaos(harmed, own, chance)
    harm.begin()
    file = tmp_path / "executions"
    job = chaos.queue(RUNS, file, chance)
    harm.go_on_until(all_ended, seconds=120 + RUNS)
    until(all_ended, what="all ended")
    assert_each_finished_once(job, RUNS, file)
    print(f"seed {seed}: {RUNS} runs; {dict(harm.done)}")  # noqa: T201
    assert harm.done["worker"]
    assert harm.done["database restarted"]
