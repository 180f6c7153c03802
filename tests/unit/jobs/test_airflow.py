"""The kind ``airflow_dag`` and the state DEFERRED: what Airflow is asked, and what becomes of the run."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pydantic import ValidationError

from jobs.actions import backfills, jobs, runs, secrets
from jobs.actions.jobs import JobDefinition
from jobs.choices import Isolation, Outcome, RunState, Trigger
from jobs.engine import clock, finish
from jobs.engine.claim import Claim, claim, count_claimable
from jobs.engine.inline import run_inline
from jobs.engine.report import failure_of
from jobs.models import Job, Pool, Run, RunLog, Secret
from jobs.runners.airflow import AirflowDagConfig
from portal.audit.actions import Actor
from tests.airflow import PASSWORD, TOKEN, USER, Airflow
from tests.conftest import Cast
from tests.faults.invariants import (
    _attempts_rise,
    _each_run_ends_once,
    _leases_are_the_newest_fence,
)

pytestmark = pytest.mark.django_db

TESTS = Actor.system("tests")
DAY = {"type": "object", "properties": {"day": {"type": "string"}}, "additionalProperties": False}
DAY_ONE = date(2013, 1, 1)


@pytest.fixture
def airflow(settings: Any) -> Iterator[Airflow]:
    with Airflow() as one:
        settings.OUTGOING_ALLOW = (("127.0.0.1", one.port),)
        yield one


@pytest.fixture
def make(airflow: Airflow, cast: Cast) -> Callable[..., Job]:
    secrets.add(name="airflow", purpose="", value=PASSWORD, hosts=["127.0.0.1"], user=cast.dan, by=TESTS)

    def one(key: str = "dag", config: dict[str, Any] | None = None, **fields: Any) -> Job:
        sign_in = {"type": "password", "username": USER, "secret": "airflow"}
        values = {"url": airflow.url, "dag_id": "load", "sign_in": sign_in, "patience": 2, **(config or {})}
        fields = {"isolation": Isolation.INLINE, "parameters_schema": DAY, **fields}
        definition = JobDefinition(
            key=key, name_en=key, name_ko=key, kind="airflow_dag", config=values, **fields
        )
        return jobs.register(definition=definition, by=TESTS)

    return one


def queued(job: Job, **params: Any) -> Run:
    return runs.trigger(
        job=job, params=params, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="user:1"
    ).run


def taken() -> Claim:
    held = claim("here")
    assert held is not None
    return held


def look(run: Run, *, now: bool = True) -> Run:
    """Let a worker take what is due, the run being due unless the test wants to see that it is."""
    if now:
        Run.objects.filter(pk=run.pk).update(available_at=Now())
    held = taken()
    assert held.run_id == run.pk
    run_inline(held)
    run.refresh_from_db()
    _attempts_rise()
    _leases_are_the_newest_fence()
    _each_run_ends_once()
    return run


def lines(run: Run) -> list[str]:
    return [text for piece in RunLog.objects.filter(run=run).order_by("id") for _, _, text in piece.lines]


def kinds(run: Run) -> list[str]:
    return list(run.events.order_by("id").values_list("kind", flat=True))


def seconds_until_due(run: Run) -> float:
    left = Run.objects.annotate(left=F("available_at") - Now()).values_list("left", flat=True)
    return float(left.get(pk=run.pk).total_seconds())


class TestFollowing:
    def test_it_starts_the_dag_waits_without_a_worker_and_succeeds(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make(config={"conf": {"day": "never", "full": True}}), day="2013-01-01"))
        run_id = f"data-desk-{run.pk}"
        assert airflow.bodies("POST") == [
            {"dag_run_id": run_id, "logical_date": None, "conf": {"day": "2013-01-01", "full": True}}
        ]
        assert (run.state, run.lease_until, run.worker, run.looks) == (RunState.DEFERRED, None, "", 1)
        assert (run.elsewhere["id"], run.elsewhere["url"]) == (
            run_id,
            f"{airflow.url}/dags/load/runs/{run_id}",
        )
        assert claim("here") is None, "its time has not come"
        began, limit = run.started_at, run.timeout_at

        airflow.end("running", extract="success")
        look(run)
        assert (run.state, run.attempt, run.started_at, run.timeout_at) == (
            RunState.DEFERRED,
            1,
            began,
            limit,
        )
        assert (run.progress["fraction"], run.progress["note"]) == (0.5, "1 of 2 tasks")
        look(run)
        airflow.end("success", publish="success")
        airflow.run["duration"] = 12.5
        look(run)
        assert (run.state, run.outputs) == (
            RunState.SUCCEEDED,
            {"dag_run": run_id, "tasks": 2, "seconds": 12.5},
        )
        assert [(each.number, each.outcome) for each in run.attempts.all()] == [(1, Outcome.SUCCEEDED)]
        assert [step["key"] for step in run.progress["steps"] if step["ended_at"]] == ["start", "wait"]
        assert kinds(run) == ["queued", "started", *["deferred", "resumed"] * 3, "succeeded"]
        assert [line for line in lines(run) if line.startswith("task")] == [
            "task extract: success",
            "task publish: success",
        ]
        assert len(airflow.runs) == 1
        kept = json.dumps([run.outputs, run.progress, run.elsewhere, lines(run)])
        assert PASSWORD not in kept
        assert TOKEN not in kept

    def test_the_pauses_double_up_to_the_longest_and_never_pass_the_time_limit(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make(config={"look_every": 7}, timeout=600)))
        pauses = [seconds_until_due(run)]
        for _ in range(3):
            look(run)
            pauses.append(seconds_until_due(run))
        for pause, wanted in zip(pauses, (2, 4, 7, 7), strict=True):
            assert wanted - 1.5 < pause <= wanted
        Run.objects.update(timeout_at=Now() + timedelta(seconds=1))
        look(run)
        assert seconds_until_due(run) <= 1

    def test_a_token_of_its_own_needs_no_sign_in(
        self, airflow: Airflow, make: Callable[..., Job], cast: Cast
    ) -> None:
        airflow.token = "made-by-hand"
        job = make(config={"sign_in": {"type": "token", "secret": "airflow-token"}})
        secrets.add(
            name="airflow-token",
            purpose="",
            value=airflow.token,
            hosts=["127.0.0.1"],
            user=cast.dan,
            by=TESTS,
        )
        run = look(queued(job))
        assert run.state == RunState.DEFERRED
        assert ("POST", "/auth/token") not in airflow.asked

    def test_a_failed_dag_run_fails_the_run_for_good(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make(max_attempts=3)))
        airflow.end("failed", extract="failed", publish="upstream_failed")
        look(run)
        assert (run.state, run.attempt, run.error["class"]) == (RunState.FAILED, 1, "failed_there")
        assert run.error["message"] == "The DAG run failed in Airflow, at: extract."


class TestTrouble:
    def test_silence_is_followed_on_and_told_once(self, airflow: Airflow, make: Callable[..., Job]) -> None:
        run = look(queued(make(max_attempts=1)))
        airflow.down = True
        look(run)
        airflow.down = False
        airflow.broken = [503]
        look(run)
        airflow.broken = [500]
        assert look(run).state == RunState.DEFERRED
        look(run)
        airflow.end("success")
        look(run)
        told = lines(run)
        assert run.state == RunState.SUCCEEDED
        assert sum("asked again" in line for line in told) == 1
        assert told.count("Airflow answers again") == 1
        assert not any("Traceback" in line for line in told)

    @pytest.mark.parametrize(
        ("status", "words"),
        [(401, "mend the user"), (403, "right to read and start"), (404, "deleted there")],
    )
    def test_a_refusal_ends_it_with_what_to_do(
        self, airflow: Airflow, make: Callable[..., Job], status: int, words: str
    ) -> None:
        run = look(queued(make()))
        airflow.runs.clear() if status == 404 else airflow.broken.append(status)
        look(run)
        assert (run.state, run.error["class"]) == (RunState.FAILED, "refused")
        assert words in run.error["message"]

    def test_a_page_that_a_proxy_answers_with_says_nothing_of_the_dag_run(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make()))
        airflow.pages.append("<h1>404 Not Found</h1>")
        assert look(run).state == RunState.DEFERRED
        look(run)
        airflow.end("success")
        assert look(run).state == RunState.SUCCEEDED

    def test_an_unknown_or_paused_dag_is_not_waited_for(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make(config={"dag_id": "lod"})))
        assert (run.state, run.error["class"]) == (RunState.FAILED, "refused")
        assert "does not know the DAG 'lod': mend the ID" in run.error["message"]
        airflow.dags["load"]["is_paused"] = True
        run = look(queued(make("paused")))
        assert (run.state, airflow.runs) == (RunState.FAILED, {})
        assert "paused in Airflow: it would not start. Unpause it" in run.error["message"]

    def test_a_dag_paused_in_the_meantime_is_told_once(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make()))
        airflow.dags["load"]["is_paused"] = True
        for _ in range(3):
            look(run)
        assert sum("is paused in Airflow" in line for line in lines(run)) == 1
        assert run.state == RunState.DEFERRED

    def test_an_answer_that_got_lost_starts_no_second_dag_run(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = queued(make(max_attempts=1))
        airflow.deaf = True
        assert look(run).state == RunState.DEFERRED
        assert len(airflow.runs) == 1
        assert any(f"run data-desk-{run.pk} was not answered" in line for line in lines(run))
        airflow.deaf = False
        assert look(run).state == RunState.DEFERRED
        assert (run.attempt, len(airflow.runs), len(airflow.bodies("POST"))) == (1, 1, 1)
        assert any("was started before" in line for line in lines(run))
        airflow.end("success")
        assert look(run).state == RunState.SUCCEEDED
        assert [step["key"] for step in run.progress["steps"] if step["ended_at"]] == ["start", "wait"]

    def test_a_trigger_that_got_lost_is_sent_again(self, airflow: Airflow, make: Callable[..., Job]) -> None:
        run = queued(make(max_attempts=1, config={"conf": {"full": True}}))
        airflow.lost = True
        for _ in range(2):
            assert look(run).state == RunState.DEFERRED
        assert airflow.runs == {}
        airflow.lost = False
        look(run)
        assert (airflow.run["conf"], airflow.run["dag_run_id"]) == ({"full": True}, f"data-desk-{run.pk}")
        airflow.end("success")
        assert (look(run).state, run.attempt) == (RunState.SUCCEEDED, 1)

    def test_a_last_attempt_that_dies_after_the_trigger_is_followed_all_the_same(
        self, airflow: Airflow, make: Callable[..., Job], settings: Any
    ) -> None:
        settings.RUN_HAND_OVERS = 0
        job = make(max_attempts=1, max_active_runs=9)
        ends: list[Callable[[Claim], bool]] = [
            lambda held: bool(Run.objects.update(lease_until=Now() - timedelta(seconds=1)) and clock.reap()),
            lambda held: finish.fail(held, failure_of("crash", "it died"), {}, cancelled=False),
            lambda held: finish.hand_over(held, {}),
        ]
        for end in ends:
            run = queued(job)
            held = taken()
            airflow.runs = {("load", f"data-desk-{run.pk}"): {"state": "running", "duration": None}}
            assert end(held)
            look(run)
            assert (run.state, run.attempt) == (RunState.DEFERRED, 1)
            assert any("was started before" in line for line in lines(run))
            airflow.end("success")
            assert look(run).state == RunState.SUCCEEDED
        assert airflow.bodies("POST") == []

    def test_who_cannot_ask_what_became_of_the_start_says_what_to_look_for(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = queued(make(max_attempts=1))
        airflow.deaf = True
        look(run)
        airflow.broken = [401]
        look(run)
        assert (run.state, run.error["class"]) == (RunState.FAILED, "refused")
        words = f"The DAG run data-desk-{run.pk} of the DAG load may go on in Airflow: look for it there"
        assert "mend the user" in run.error["message"]
        assert words in run.error["message"]
        assert any(words in line for line in lines(run))

    def test_a_secret_that_is_gone_meanwhile_says_what_to_look_for_too(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make()))
        Secret.objects.all().delete()
        look(run)
        assert (run.state, run.error["class"]) == (RunState.FAILED, "settings")
        assert "There is no secret «airflow»" in run.error["message"]
        assert f"The DAG run data-desk-{run.pk} of the DAG load may go on" in run.error["message"]

    def test_an_airflow_that_was_never_reached_leaves_nothing_to_look_for(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = queued(make(max_attempts=2))
        airflow.down = True
        assert look(run).state == RunState.QUEUED
        assert look(run).state == RunState.FAILED
        assert run.error["class"] == "elsewhere"
        assert "may go on" not in "".join([run.error["message"], *lines(run)])

    def test_a_worker_that_died_after_the_trigger_is_followed_by_one_that_finds_it(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = queued(make(max_attempts=2))
        held = taken()
        airflow.runs["load", f"data-desk-{run.pk}"] = {"state": "running", "duration": None}
        Run.objects.update(lease_until=Now() - timedelta(seconds=1))
        assert clock.reap() == 1
        assert not finish.defer(held, {"system": "x"}, {}, delay=1), "the dead one's word comes too late"
        look(run)
        assert (run.state, run.attempt, len(airflow.runs)) == (RunState.DEFERRED, 2, 1)
        assert any("was started before" in line for line in lines(run))

    def test_a_rival_of_our_own_is_a_start_too(self, airflow: Airflow, make: Callable[..., Job]) -> None:
        run = queued(make())
        # The first attempt looks for nothing; Airflow has it all the same.
        airflow.runs["load", f"data-desk-{run.pk}"] = {"state": "running", "duration": None}
        assert look(run).state == RunState.DEFERRED
        assert any("was started before" in line for line in lines(run))

    def test_a_worker_that_dies_or_stops_while_it_looks_costs_no_attempt(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make(max_attempts=2)))
        Run.objects.update(available_at=Now())
        taken()
        Run.objects.update(lease_until=Now() - timedelta(seconds=1))
        limit = Run.objects.get().timeout_at
        assert clock.reap() == 1
        run.refresh_from_db()
        assert (run.state, run.attempt, run.timeout_at) == (RunState.DEFERRED, 1, limit)
        held = taken()
        assert finish.hand_over(held, {})
        run.refresh_from_db()
        assert (run.state, run.attempt, run.hand_overs) == (RunState.DEFERRED, 1, 0)
        held = taken()
        assert finish.fail(held, failure_of("crash", "it died"), {"note": "x"}, cancelled=False)
        run.refresh_from_db()
        assert (run.state, run.attempt, run.progress) == (RunState.DEFERRED, 1, {"note": "x"})
        assert seconds_until_due(run) > 1
        airflow.end("success")
        assert look(run).state == RunState.SUCCEEDED

    def test_who_dies_of_it_over_and_over_gives_up(self, airflow: Airflow, make: Callable[..., Job]) -> None:
        run = look(queued(make(max_attempts=1)))
        Run.objects.update(available_at=Now(), timeout_at=Now() - timedelta(seconds=clock.GIVE_UP + 1))
        taken()
        Run.objects.update(lease_until=Now() - timedelta(seconds=1))
        assert clock.reap() == 1
        run.refresh_from_db()
        assert run.state == RunState.LOST
        assert f"Look for data-desk-{run.pk} in Airflow, and stop it" in run.error["message"]


class TestStopping:
    def test_a_cancel_tells_airflow_before_the_run_ends(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make()))
        airflow.end("running")
        assert claim("here") is None
        runs.cancel(run=run, by=TESTS)
        assert (run.state, run.cancel_requested_by) == (RunState.DEFERRED, "tests")
        look(run, now=False)
        assert (run.state, run.error, airflow.run["state"]) == (RunState.CANCELLED, {}, "failed")
        assert airflow.bodies("PATCH") == [{"state": "failed"}]
        assert [each.outcome for each in run.attempts.all()] == [Outcome.CANCELLED]

    def test_what_had_succeeded_there_before_it_was_cancelled_stays_a_success(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make()))
        airflow.end("success")
        runs.cancel(run=run, by=TESTS)
        look(run, now=False)
        assert (run.state, airflow.run["state"]) == (RunState.SUCCEEDED, "success")

    def test_the_time_limit_tells_airflow_too(self, airflow: Airflow, make: Callable[..., Job]) -> None:
        run = look(queued(make(timeout=600)))
        Run.objects.update(timeout_at=Now() - timedelta(seconds=1))
        look(run)
        assert (run.state, airflow.run["state"]) == (RunState.TIMED_OUT, "failed")
        assert run.error["message"] == "It took longer than 600 s."

    def test_an_airflow_that_cannot_be_told_is_asked_for_a_while(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = look(queued(make()))
        runs.cancel(run=run, by=TESTS)
        airflow.down = True
        look(run, now=False)
        assert run.state == RunState.DEFERRED
        assert seconds_until_due(run) > 1, "not at once again"
        Run.objects.update(cancel_requested_at=Now() - timedelta(seconds=finish.STOPPING + 1))
        look(run)
        assert (run.state, run.error["class"]) == (RunState.CANCELLED, "elsewhere")
        assert run.error["message"] == (
            "Its work there could not be stopped and may go on: Airflow did not answer. "
            f"Look for data-desk-{run.pk} in Airflow, and stop it there if nobody needs it."
        )
        assert any(f"how the DAG run data-desk-{run.pk} of the DAG load is" in line for line in lines(run))
        assert sum("asked again" in line for line in lines(run)) == 1

    def test_a_cancel_while_the_dag_is_being_started_finds_out_whether_it_was(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = queued(make())
        held = taken()
        airflow.runs["load", f"data-desk-{run.pk}"] = {"state": "queued"}
        runs.cancel(run=run, by=TESTS)
        assert finish.cancel(held, {})
        look(run, now=False)
        assert (run.state, airflow.run["state"]) == (RunState.CANCELLED, "failed")

    def test_a_cancel_between_two_attempts_is_told_too(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = queued(make(max_attempts=2))
        taken()
        airflow.runs["load", f"data-desk-{run.pk}"] = {"state": "running"}
        Run.objects.update(lease_until=Now() - timedelta(seconds=1))
        clock.reap()
        run.refresh_from_db()
        runs.cancel(run=run, by=TESTS)
        assert run.state == RunState.QUEUED
        assert clock.cancel_between_holders() == 1
        look(run, now=False)
        assert (run.state, airflow.run["state"]) == (RunState.CANCELLED, "failed")

    def test_what_never_started_is_cancelled_at_once(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run = queued(make())
        runs.cancel(run=run, by=TESTS)
        assert (run.state, airflow.asked) == (RunState.CANCELLED, [])

    def test_a_job_that_is_switched_off_is_followed_and_starts_no_second_attempt(
        self, airflow: Airflow, make: Callable[..., Job]
    ) -> None:
        run, waiting = look(queued(make())), queued(make("other", max_attempts=2))
        assert taken().run_id == waiting.pk
        airflow.runs["load", f"data-desk-{waiting.pk}"] = {"state": "running"}
        Run.objects.filter(pk=waiting.pk).update(lease_until=Now() - timedelta(seconds=1))
        clock.reap()
        Job.objects.update(enabled=False)
        assert clock.skip_late() == 0
        assert clock.cancel_between_holders() == 1
        look(waiting, now=False)
        assert (waiting.state, waiting.cancel_requested_by) == (RunState.CANCELLED, "Data Desk")
        assert airflow.runs["load", f"data-desk-{waiting.pk}"]["state"] == "failed"
        airflow.runs["load", f"data-desk-{run.pk}"]["state"] = "success"
        assert look(run).state == RunState.SUCCEEDED


class TestPlaces:
    def test_it_counts_for_its_job_but_holds_no_place_in_its_pool(
        self, airflow: Airflow, make: Callable[..., Job], make_job: Callable[..., Job]
    ) -> None:
        job = make(max_active_runs=1)
        Pool.objects.update(slots=1)
        look(queued(job))
        second = queued(job)
        assert claim("here") is None, "its job has as many as it may"
        other = queued(make_job())
        held = taken()
        assert held.run_id == other.pk, "the pool's only place is free"
        # And a look needs none.
        first = Run.objects.get(state=RunState.DEFERRED)
        Run.objects.filter(pk=first.pk).update(available_at=Now())
        airflow.end("success")
        assert count_claimable(9) == 2
        assert look(first).state == RunState.SUCCEEDED
        finish.succeed(held, {}, {})
        assert taken().run_id == second.pk

    def test_looks_go_before_what_waits_in_the_queue(
        self, airflow: Airflow, make: Callable[..., Job], make_job: Callable[..., Job]
    ) -> None:
        run = look(queued(make()))
        queued(make_job(priority=99))
        assert look(run).state == RunState.DEFERRED

    def test_a_backfill_counts_it_and_stops_it(
        self, airflow: Airflow, make: Callable[..., Job], cast: Cast
    ) -> None:
        job = make(max_active_runs=9)
        wish = backfills.Wish(
            parameter="day", unit="day", first=DAY_ONE, last=DAY_ONE + timedelta(days=2), parallel=1
        )
        backfill, _created = backfills.start(
            job=job, wish=wish, once=str(uuid4()), by=TESTS, requested_by=cast.dan
        )
        held = taken()
        run_inline(held)
        assert claim("here") is None, "one at a time"
        assert backfills.cancel(backfill=backfill, by=TESTS) == 3
        run = Run.objects.get(pk=held.run_id)
        assert sorted(Run.objects.values_list("state", flat=True)) == ["cancelled", "cancelled", "deferred"]
        look(run, now=False)
        assert (run.state, airflow.run["state"]) == (RunState.CANCELLED, "failed")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"url": "http://example.com"}, "begins with https"),
        ({"url": "https://example.com/api/v2/"}, "without /api/v2"),
        ({"url": "https://example.com/?x=1"}, "before any"),
        ({"url": "https://a:b@example.com/"}, "before @"),
        ({"page_url": "javascript:alert(1)"}, "begins with https"),
        ({"sign_in": {"type": "token", "secret": ""}}, "secret"),
        ({"sign_in": {"type": "password", "secret": "x"}}, "username"),
        ({"look_every": 0}, "look_every"),
        ({"typo": 1}, "typo"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_stored(config: dict[str, Any], words: str) -> None:
    values = {"url": "https://example.com", "dag_id": "x", "sign_in": {"type": "token", "secret": "x"}}
    AirflowDagConfig.model_validate(values)
    with pytest.raises(ValidationError, match=words):
        AirflowDagConfig.model_validate({**values, **config})
