"""The commands on runs and backfills: trigger, follow, cancel, backfill; their words and exit codes."""

import threading
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from jobs.choices import RunState
from jobs.models import Backfill, Run, RunLog
from portal.audit.models import AuditEvent
from tests.factories.jobs import DAY_PARAMETERS, make_backfill, make_job, make_run

pytestmark = pytest.mark.django_db


def say(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def write(run: Run, text: str) -> None:
    lines = [["2026-11-26T02:10:00Z", "info", text]]
    RunLog.objects.create(run=run, fence=1, first_line=RunLog.objects.count() + 1, lines=lines)


def test_trigger_takes_parameters_and_a_key() -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    words = ("trigger", "load-weather", "-p", "day=2013-01-01", "-p", "rows=5", "--key", "a")
    first = say(*words)
    assert first == say(*words)
    run = Run.objects.get()
    assert first == f"run {run.number} queued\n"
    assert (run.params["day"], run.params["rows"]) == ("2013-01-01", 5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), "there is no job 'nothing'"),
        (("load-weather", "-p", "day"), "--param takes name=value, not 'day'"),
        (("load-weather", "-p", "rows=0", "-p", "day=2013-01-01"), "rows: 0 is less than the minimum of 1"),
        (("load-weather",), "day: "),
    ],
)
def test_trigger_says_what_does_not_fit_and_starts_nothing(words: tuple[str, ...], message: str) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    with pytest.raises(CommandError, match="(?s)" + message):
        say("trigger", *words)
    assert not Run.objects.exists()


def test_follow_prints_the_log_and_the_good_end() -> None:
    run = make_run(make_job(), RunState.SUCCEEDED)
    write(run, "42 rows")
    assert (
        say("follow", str(run.number)) == f"2026-11-26T02:10:00Z info  42 rows\nrun {run.number} succeeded\n"
    )


@pytest.mark.parametrize(
    ("state", "code"),
    [("failed", 1), ("cancelled", 3), ("timed_out", 4), ("lost", 5), ("skipped", 6)],
)
def test_the_exit_code_tells_every_other_end(state: str, code: int) -> None:
    run = make_run(make_job(), RunState(state))
    with pytest.raises(CommandError) as raised:
        say("follow", str(run.number))
    assert raised.value.returncode == code


@pytest.mark.django_db(transaction=True)
def test_follow_prints_what_is_written_until_the_end() -> None:
    run = make_run(make_job(), RunState.RUNNING)

    def work() -> None:
        try:
            time.sleep(0.4)
            write(run, "last words")
            Run.objects.filter(pk=run.pk).update(
                state=RunState.SUCCEEDED, finished_at=timezone.now(), lease_until=None
            )
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    shown = say("follow", str(run.number))
    worker.join()
    assert "last words" in shown
    assert shown.endswith(f"run {run.number} succeeded\n")


def test_cancel_ends_a_waiting_run_and_asks_a_running_one() -> None:
    waiting, running = make_run(make_job(), RunState.QUEUED), make_run(make_job("b"), RunState.RUNNING)
    assert say("cancel", str(waiting.number)) == f"run {waiting.number} cancelled\n"
    assert say("cancel", str(running.number)) == f"run {running.number} was asked to stop\n"
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert waiting.state == RunState.CANCELLED
    assert running.cancel_requested_at
    assert AuditEvent.objects.filter(action="run.cancelled").count() == 2


def test_cancel_refuses_what_has_ended() -> None:
    run = make_run(make_job())
    with pytest.raises(CommandError, match="has ended: succeeded"):
        say("cancel", str(run.number))


@pytest.mark.parametrize("command", ["follow", "cancel"])
@pytest.mark.parametrize("number", ["0", "999999999", "9" * 25])
def test_a_run_that_is_not_there_is_said(command: str, number: str) -> None:
    with pytest.raises(CommandError, match=f"there is no run {number}"):
        say(command, number)


RANGE = ("load-weather", "--parameter", "day", "--first", "2013-01-01", "--last", "2013-01-03")


def test_backfill_lists_what_would_run_and_starts_nothing() -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    assert say("backfill", "start", *RANGE, "--dry-run") == "2013-01-01\n2013-01-02\n2013-01-03\n"
    assert not Backfill.objects.exists()
    assert not Run.objects.exists()


def test_backfill_starts_once_for_a_key_and_is_steered() -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    words = ("backfill", "start", *RANGE, "-p", "rows=5", "--parallel", "2", "--key", "a")
    first = say(*words)
    assert first == say(*words)
    backfill = Backfill.objects.get()
    number = str(backfill.pk)
    assert first == f"backfill {number} of load-weather: 3 partitions\n"
    assert (backfill.parallel, backfill.params) == (2, {"rows": 5})
    assert say("backfill", "pause", number) == f"backfill {number} paused\n"
    assert say("backfill", "resume", number) == f"backfill {number} open\n"
    assert say("backfill", "cancel", number) == f"runs cancelled: 3\nbackfill {number} cancelled\n"
    with pytest.raises(CommandError, match="3 cancelled") as raised:
        say("backfill", "follow", number)
    assert raised.value.returncode == 3
    assert say("backfill", "again", number) == f"partitions queued again: 3\nbackfill {number} open\n"
    steps = ["started", "paused", "resumed", "cancelled", "rerun"]
    told = AuditEvent.objects.filter(action__startswith="backfill.").order_by("pk")
    assert [event.action for event in told] == [f"backfill.{step}" for step in steps]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"load-weather": "nothing"}, "there is no job 'nothing'"),
        ({"day": "rows"}, "parameter: The job has no parameter rows that takes a day"),
        ({"2013-01-03": "2012-12-31"}, "last: The last day is before the first"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_backfill_says_what_does_not_fit(changed: dict[str, str], message: str, dry: tuple[str, ...]) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    words = [changed.get(word, word) for word in RANGE]
    with pytest.raises(CommandError, match="(?s)" + message):
        say("backfill", "start", *words, *dry)
    assert not Run.objects.exists()


def test_backfill_of_a_job_that_is_off_is_said() -> None:
    make_job(parameters_schema=DAY_PARAMETERS, enabled=False)
    with pytest.raises(CommandError, match="off"):
        say("backfill", "start", *RANGE)


@pytest.mark.django_db(transaction=True)
def test_backfill_is_followed_to_its_end_by_the_newest_run_of_each_partition() -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)
    backfill = make_backfill(job)
    failed = make_run(job, RunState.FAILED, backfill=backfill, partition="2013-01-01")
    again = make_run(job, backfill=backfill, partition="2013-01-01", rerun_of=failed)
    running = make_run(job, RunState.RUNNING, backfill=backfill, partition="2013-01-02")

    def work() -> None:
        try:
            time.sleep(0.4)
            Run.objects.filter(pk=running.pk).update(
                state=RunState.SUCCEEDED, finished_at=timezone.now(), lease_until=None
            )
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    shown = say("backfill", "follow", str(backfill.pk))
    worker.join()
    assert shown == (
        f"2013-01-01 succeeded (run {again.number})\n2013-01-02 succeeded (run {running.number})\n"
        f"backfill {backfill.pk}: 2 succeeded\n"
    )
    make_run(job, RunState.FAILED, backfill=backfill, partition="2013-01-03")
    with pytest.raises(CommandError, match="2 succeeded, 1 failed") as raised:
        say("backfill", "follow", str(backfill.pk))
    assert raised.value.returncode == 1


@pytest.mark.parametrize("step", ["follow", "pause", "resume", "cancel", "again"])
@pytest.mark.parametrize("number", ["0", "999999999", "9" * 25])
def test_a_backfill_that_is_not_there_is_said(step: str, number: str) -> None:
    with pytest.raises(CommandError, match=f"there is no backfill {number}"):
        say("backfill", step, number)
