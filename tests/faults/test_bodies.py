"""What a body may do without harm to others, and how it is stopped: F21, F22, F23, F31."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from jobs.actions import runs
from jobs.choices import Isolation, RunState
from jobs.engine.log_pump import MAX_BYTES
from jobs.exceptions import RunAlreadyEnded
from jobs.models import Run, RunLog, Secret
from portal.demo.people import load_people
from tests.faults.conftest import _clear
from tests.faults.invariants import assert_invariants
from tests.faults.processes import (
    LEASE,
    TESTS,
    Broker,
    Processes,
    alive,
    ended,
    job,
    log_lines,
    said,
    start,
    until,
)

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def running(committed: None, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """One worker and one clock for all tests of this module: none of them may harm it."""
    _clear()
    started = Processes(tmp_path_factory.mktemp("p"), broker)
    try:
        # The tests seal the secrets that the worker opens.
        started.worker(RUN_MEMORY_MB="1024", KEY_RING_FILE=str(settings.KEY_RING_FILE))
        started.clock()
        yield started
        assert all(one.process.poll() is None for one in started.started)
        assert_invariants(var=started.folder / "var")
    finally:
        started.stop()


def test_a_body_s_words_steps_and_outputs_are_kept(running: Processes) -> None:
    run = ended(start(job("test-say"), note="x"))
    lines = [(level, text) for piece in RunLog.objects.filter(run=run) for _, level, text in piece.lines]
    assert lines == [("info", "plain words"), ("warn", "a warning x"), ("info", "to stderr")]
    assert [step["key"] for step in run.progress["steps"]] == ["say", "end"]
    assert all(step["started_at"] <= step["ended_at"] for step in run.progress["steps"])
    assert run.outputs["note"] == "x"


def test_a40_a_forked_body_gets_its_secret_and_nothing_keeps_it(running: Processes) -> None:
    value = "canary-in-a-body"
    secret = Secret(name="crm")
    secret.put(value)
    secret.save()
    config = {"pipeline": "test-tell-secret", "secrets": ["crm"]}
    run = ended(start(job("test-tell-secret", config=config), note="crm"))
    secret.delete()
    assert run.state == RunState.SUCCEEDED
    assert run.outputs["length"] == len(value)
    lines = [text for piece in RunLog.objects.filter(run=run) for *_, text in piece.lines]
    assert lines == ["•••", 'as JSON "•••", in an address •••']
    assert "canary" not in json.dumps([run.outputs, run.progress, run.error])


def test_a_log_line_is_in_the_database_within_a_second(running: Processes) -> None:
    run = start(job("test-sleep"), seconds=3)
    said(run, "asleep")
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    ended(run)


def test_f21_a_body_that_needs_too_much_memory_fails_alone(running: Processes) -> None:
    neighbour = start(job("test-sleep"), seconds=3)
    run = ended(start(job("test-memory", max_attempts=2)))
    assert (run.state, run.attempt) == (RunState.FAILED, 2)
    assert run.error["message"] == "The memory was not enough."
    assert ended(neighbour).state == RunState.SUCCEEDED


def test_a_crash_in_c_code_fails_alone(running: Processes) -> None:
    run = ended(start(job("test-segfault", max_attempts=1)))
    assert (run.state, run.error["class"]) == (RunState.FAILED, "crash")


def test_f22_a_body_that_ignores_signals_is_killed_at_its_time_limit(running: Processes) -> None:
    run = ended(start(job("test-deaf", timeout=1)), seconds=10)
    assert (run.state, run.error["class"]) == (RunState.TIMED_OUT, "timeout")
    assert run.duration is not None
    assert run.duration.total_seconds() < 1 + 5


def test_f31_a_running_body_is_cancelled_within_three_seconds(running: Processes) -> None:
    run = start(job("test-sleep"), seconds=60)
    pid = int(said(run, "asleep")[0])
    asked_at = time.monotonic()
    runs.cancel(run=run, by=TESTS)
    ended(run)
    assert time.monotonic() - asked_at < 3
    assert run.state == RunState.CANCELLED
    assert not alive(pid)
    with pytest.raises(RunAlreadyEnded):
        runs.cancel(run=run, by=TESTS)


def test_who_cancels_a_run_gets_no_stack_trace(running: Processes) -> None:
    run = start(job("test-converted"))
    said(run, "asleep")
    runs.cancel(run=run, by=TESTS)
    assert ended(run).state == RunState.CANCELLED
    assert log_lines(run) == ["asleep", "stopped before the end"]


def test_f31_a_deaf_body_is_cancelled_too(running: Processes) -> None:
    run = start(job("test-deaf"))
    said(run, "deaf")
    asked_at = time.monotonic()
    runs.cancel(run=run, by=TESTS)
    assert ended(run).state == RunState.CANCELLED
    assert time.monotonic() - asked_at < 4


def test_f23_a_gigabyte_of_a_million_lines_with_broken_bytes_is_capped(
    running: Processes, client: Client
) -> None:
    run = ended(start(job("test-flood")), seconds=60)
    assert run.state == RunState.SUCCEEDED
    lines = log_lines(run)
    assert 1_000 < len(lines) <= 10_002
    assert sum(map(len, lines)) <= MAX_BYTES + 100
    client.force_login(load_people()["dan"])
    pages = [f"/runs/{run.number}/", f"/runs/{run.number}/log/"]
    # The first request of a process loads what pages need.
    client.get("/jobs/")
    for page in pages:
        asked_at = time.monotonic()
        assert client.get(page).status_code == 200
        assert time.monotonic() - asked_at < 1
    assert lines[0] == "\ufffd\ufffd broken \ufffd bytes"
    assert lines[1] == "token •••"
    assert "full" in lines[-2]
    assert lines[-1].endswith("more lines were not kept")


def test_bad_input_is_not_tried_again(running: Processes) -> None:
    run = ended(start(job("test-bad-input")))
    assert (run.state, run.attempt, run.error["class"]) == (RunState.FAILED, 1, "bad_input")
    assert run.error["message"] == "line 7: not a number"
    assert log_lines(run) == ["line 7: not a number"]
    assert "Traceback" in run.error["detail"]


def test_a_foreseen_failure_is_logged_in_its_sentence(running: Processes) -> None:
    run = ended(start(job("test-unanswered", max_attempts=1)))
    sentence = "It did not answer within 3 seconds."
    assert (run.state, run.error["class"], run.error["message"]) == (RunState.FAILED, "elsewhere", sentence)
    assert log_lines(run) == [sentence]
    assert "Traceback" in run.error["detail"]


def test_what_no_column_can_keep_ends_no_run(running: Processes) -> None:
    strange = job("test-strange", max_active_runs=2)
    # Longer than the lease: a beat that is refused would be taken for silence.
    well, badly = start(strange, seconds=LEASE * 2), start(strange, note="rates")
    badly = ended(badly)
    assert (badly.state, badly.attempt, badly.error["class"]) == (RunState.FAILED, 1, "bad_input")
    assert badly.error["message"].startswith("no such file: rates-")
    well = ended(well)
    assert (well.state, well.attempt) == (RunState.SUCCEEDED, 1)
    assert well.progress["fraction"] is None
    assert well.progress["note"].startswith("nul \ufffd and")


def test_an_inline_body_that_waits_for_the_database_is_timed_out(running: Processes) -> None:
    run = ended(start(job("test-slow-query", isolation=Isolation.INLINE, timeout=1)))
    assert (run.state, run.attempt) == (RunState.TIMED_OUT, 1)


def test_a_process_left_behind_dies_with_its_run(running: Processes) -> None:
    run = ended(start(job("test-orphan")), seconds=10)
    assert run.state == RunState.SUCCEEDED
    until(lambda: not alive(run.outputs["child"]), seconds=3, what="the grandchild died")


def test_a_body_uses_the_database_on_its_own_connection_and_its_folder_goes(running: Processes) -> None:
    run = ended(start(job("test-database")))
    assert run.outputs["there"]
    assert not Path(run.outputs["folder"]).exists()


def test_a_body_inherits_nothing_but_its_pipes(running: Processes) -> None:
    outputs = ended(start(job("test-process"))).outputs
    # 0–3, the database's number that points nowhere, and the one that lists the folder.
    assert outputs["descriptors"][:4] == ["0", "1", "2", "3"]
    assert len(outputs["descriptors"]) <= 6
    assert outputs["threads"] == 1


def test_the_supervisor_stays_without_engines_and_threads(running: Processes) -> None:
    inline = job("test-process", key="test-process-inline", isolation=Isolation.INLINE)
    seen = {}
    for _ in range(6):
        start(job("test-say"))
        run = ended(start(inline))
        seen[run.outputs["pid"]] = run.outputs
    assert all(outputs["heavy"] == [] and outputs["threads"] == 1 for outputs in seen.values())


def test_an_inline_body_is_stopped_within_its_lease(running: Processes) -> None:
    run = ended(start(job("test-sleep", key="test-sleep-inline", isolation=Isolation.INLINE), seconds=30))
    assert run.state == RunState.TIMED_OUT
    assert Run.objects.get(pk=run.pk).attempt == 1
