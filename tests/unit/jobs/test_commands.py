"""The commands on runs: trigger, follow, cancel; their words and exit codes."""

import threading
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from jobs.choices import RunState
from jobs.models import Run, RunLog
from portal.audit.models import AuditEvent
from tests.factories.jobs import DAY_PARAMETERS, make_job, make_run

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
