import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import close_old_connections, connection
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import longpoll
from jobs.choices import RunState, Trigger
from jobs.models import Run
from jobs.models.run import RunQuerySet
from portal.accounts.models import User
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import DAY_PARAMETERS, make_edition, make_job, make_log, make_run
from tests.factories.tokens import bearer

RUNS = "/api/v1/jobs/load-weather/runs"


def post(client: Client, path: str, body=None, **headers):
    return client.post(
        path, body if body is not None else {}, content_type="application/json", headers=headers
    )


@pytest.mark.django_db
class TestTrigger:
    def test_it_answers_201_with_the_run_and_its_address(self, client: Client, cast: Cast) -> None:
        make_job()
        response = post(client, RUNS, **bearer(cast.dan, "jobs:run"))
        run = Run.objects.get()
        assert response.status_code == 201
        assert response["Location"] == f"/api/v1/runs/{run.pk}"
        assert response.json()["id"] == str(run.pk)
        assert (run.trigger, run.requested_by, run.state) == (Trigger.API, cast.dan, RunState.QUEUED)
        event = AuditEvent.objects.get(action="run.triggered")
        assert (event.actor_kind, event.actor_label) == ("token", "test (Dan Seo)")

    def test_it_needs_no_body(self, client: Client, cast: Cast) -> None:
        make_job()
        response = client.generic("POST", RUNS, headers=bearer(cast.dan, "jobs:run"))
        assert response.status_code == 201

    def test_the_same_key_and_body_answer_200_with_the_same_run(self, client: Client, cast: Cast) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        headers = {**bearer(cast.dan, "jobs:run"), "Idempotency-Key": "load 2013-02-28"}
        body = {"params": {"day": "2013-02-28"}}
        first, second = post(client, RUNS, body, **headers), post(client, RUNS, body, **headers)
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json()["id"] == second.json()["id"]
        assert Run.objects.count() == 1

    def test_the_same_key_with_another_body_is_refused(self, client: Client, cast: Cast) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        headers = {**bearer(cast.dan, "jobs:run"), "Idempotency-Key": "k"}
        post(client, RUNS, {"params": {"day": "2013-02-28"}}, **headers)
        response = post(client, RUNS, {"params": {"day": "2013-03-01"}}, **headers)
        assert response.status_code == 422
        assert response.json()["type"].endswith("problem-idempotency")
        assert Run.objects.count() == 1

    def test_another_tokens_key_is_another_key(self, client: Client, cast: Cast) -> None:
        make_job()
        for _ in range(2):
            headers = {**bearer(cast.dan, "jobs:run"), "Idempotency-Key": "k"}
            assert post(client, RUNS, **headers).status_code == 201
        assert Run.objects.count() == 2

    @pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
    def test_a_key_that_is_no_key_is_refused(self, client: Client, cast: Cast, key: str) -> None:
        make_job()
        headers = {**bearer(cast.dan, "jobs:run"), "Idempotency-Key": key}
        assert post(client, RUNS, **headers).status_code == 400
        assert not Run.objects.exists()

    def test_invalid_parameters_are_told_field_by_field(self, client: Client, cast: Cast) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        body = {"params": {"rows": "many", "colour": "red"}}
        response = post(client, RUNS, body, **bearer(cast.dan, "jobs:run"))
        assert response.status_code == 422
        assert {error["field"] for error in response.json()["errors"]} == {
            "params.day",
            "params.rows",
            "params.colour",
        }
        assert not Run.objects.exists()

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"parms": {}}, 400),
            ({"params": []}, 400),
            ({"params": {"text": "a\u0000b"}}, 400),
            ({"params": {}, "state": "succeeded", "priority": 9}, 400),
            ([], 400),
        ],
    )
    def test_a_wrong_body_starts_nothing(self, client: Client, cast: Cast, body, status: int) -> None:
        make_job(parameters_schema={"type": "object"})
        assert post(client, RUNS, body, **bearer(cast.dan, "jobs:run")).status_code == status
        assert not Run.objects.exists()

    def test_a_token_for_one_job_starts_only_that_one(self, client: Client, cast: Cast) -> None:
        make_job()
        make_job("other")
        headers = bearer(cast.dan, "jobs:run:load-weather")
        assert post(client, RUNS, **headers).status_code == 201
        assert post(client, "/api/v1/jobs/other/runs", **headers).status_code == 403
        assert post(client, "/api/v1/jobs/missing/runs", **headers).status_code == 404
        assert Run.objects.count() == 1

    @pytest.mark.parametrize(("who", "scope"), [("dan", "jobs:read"), ("ada", "jobs:run")])
    def test_neither_scope_nor_role_alone_is_enough(
        self, client: Client, cast: Cast, who: str, scope: str
    ) -> None:
        make_job()
        assert post(client, RUNS, **bearer(getattr(cast, who), scope)).status_code == 403
        assert not Run.objects.exists()

    def test_an_invisible_job_is_missing(self, client: Client, cast: Cast) -> None:
        make_job(private=True, owner=cast.dan)
        assert post(client, RUNS, **bearer(cast.ben, "jobs:run")).status_code == 404

    def test_a_switched_off_job_is_a_conflict(self, client: Client, cast: Cast) -> None:
        make_job(enabled=False)
        assert post(client, RUNS, **bearer(cast.dan, "jobs:run")).status_code == 409
        assert not Run.objects.exists()


@pytest.mark.django_db
class TestAgain:
    @pytest.fixture
    def earlier(self) -> Run:
        params = {"day": "2013-02-28", "rows": 10, "share": 0.5, "airport": "JFK", "full": False}
        return make_run(make_job(parameters_schema=DAY_PARAMETERS), RunState.FAILED, params=params)

    def test_the_same_again_names_what_it_repeats(self, client: Client, cast: Cast, earlier: Run) -> None:
        headers = bearer(cast.dan, "jobs:run")
        response = post(client, f"/api/v1/runs/{earlier.number}/again", **headers)
        run = Run.objects.exclude(pk=earlier.pk).get()
        assert (response.status_code, response["Location"]) == (201, f"/api/v1/runs/{run.pk}")
        assert response.json()["rerun_of"] == str(earlier.pk)
        assert (run.params, run.trigger, run.requested_by) == (earlier.params, Trigger.API, cast.dan)

    def test_changed_parameters_are_laid_over_the_old_ones(
        self, client: Client, cast: Cast, earlier: Run
    ) -> None:
        body = {"params": {"airport": "LGA"}}
        response = post(client, f"/api/v1/runs/{earlier.pk}/again", body, **bearer(cast.dan, "jobs:run"))
        assert response.status_code == 201
        assert response.json()["params"] == {**earlier.params, "airport": "LGA"}
        assert response.json()["rerun_of"] is None

    def test_the_same_key_starts_one(self, client: Client, cast: Cast, earlier: Run) -> None:
        headers = {**bearer(cast.dan, "jobs:run"), "Idempotency-Key": "again"}
        own = f"/api/v1/runs/{earlier.pk}/again"
        answers = [post(client, own, **headers) for _ in range(2)]
        assert [each.status_code for each in answers] == [201, 200]
        assert post(client, own, {"params": {"rows": 5}}, **headers).status_code == 422
        assert Run.objects.count() == 2

    def test_what_does_not_fit_starts_nothing(self, client: Client, cast: Cast, earlier: Run) -> None:
        own, headers = f"/api/v1/runs/{earlier.pk}/again", bearer(cast.dan, "jobs:run")
        unfit = post(client, own, {"params": {"rows": 0}}, **headers)
        assert (unfit.status_code, unfit.json()["errors"][0]["field"]) == (422, "params.rows")
        assert post(client, own, {"parms": {}}, **headers).status_code == 400
        earlier.job.enabled = False
        earlier.job.save()
        assert post(client, own, **headers).status_code == 409
        assert Run.objects.count() == 1

    def test_a_token_for_one_job_repeats_only_its_runs(
        self, client: Client, cast: Cast, earlier: Run
    ) -> None:
        other = make_run(make_job("other"))
        headers = bearer(cast.dan, "jobs:run:load-weather")
        assert post(client, f"/api/v1/runs/{earlier.pk}/again", **headers).status_code == 201
        assert post(client, f"/api/v1/runs/{other.pk}/again", **headers).status_code == 403
        assert Run.objects.filter(job=other.job).count() == 1


@pytest.mark.django_db
class TestAgainAfter:
    @pytest.fixture
    def root(self) -> Run:
        """A run that succeeded, with one that failed after it."""
        root = make_run(make_job("first"), RunState.SUCCEEDED)
        follower = make_job("follower")
        follower.after.add(root.job)
        make_run(follower, RunState.FAILED, trigger=Trigger.AFTER, principal=f"run:{root.pk}")
        return root

    def test_what_failed_starts_again_once(self, client: Client, cast: Cast, root: Run) -> None:
        own, headers = f"/api/v1/runs/{root.number}/again/after", bearer(cast.dan, "jobs:run")
        first, second = (post(client, own, **headers) for _ in range(2))
        assert (first.status_code, second.status_code, second.json()) == (200, 200, [])
        (started,) = first.json()
        run = Run.objects.get(pk=started["id"])
        assert (run.job.key, run.trigger, run.requested_by) == ("follower", Trigger.API, cast.dan)
        assert run.principal.startswith("token:")

    def test_under_one_key_the_same_runs_are_answered(self, client: Client, cast: Cast, root: Run) -> None:
        own = f"/api/v1/runs/{root.pk}/again/after"
        headers = {**bearer(cast.dan, "jobs:run"), "Idempotency-Key": "k" * 255}
        (first,) = post(client, own, **headers).json()
        (second,) = post(client, own, **headers).json()
        Run.objects.filter(pk=first["id"]).update(
            state=RunState.FAILED, started_at=Now(), finished_at=Now(), reason=""
        )
        (third,) = post(client, own, **headers).json()
        assert {first["id"], second["id"], third["id"]} == {first["id"]}
        (other,) = post(client, own, **{**headers, "Idempotency-Key": "another"}).json()
        assert other["id"] != first["id"]
        assert [each["id"] for each in post(client, own, **headers).json()] == [first["id"]]
        assert Run.objects.count() == 4

    def test_a_token_for_one_job_starts_no_others(self, client: Client, cast: Cast, root: Run) -> None:
        own = f"/api/v1/runs/{root.pk}/again/after"
        for scope in ("jobs:run:first", "jobs:run:follower", "jobs:read"):
            assert post(client, own, **bearer(cast.dan, scope)).status_code == 403
        assert post(client, own, **bearer(cast.ada, "jobs:run")).status_code in {403, 404}
        assert Run.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_fifty_triggers_at_once_with_one_key_start_one_run(cast: Cast) -> None:
    make_job()
    headers = {**bearer(cast.dan, "jobs:run"), "Idempotency-Key": "once"}
    together = threading.Barrier(10)

    def call(number: int) -> tuple[int, str]:
        if number < 10:
            together.wait()
        try:
            response = post(Client(), RUNS, **headers)
            return response.status_code, response.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, range(50)))
    assert Run.objects.count() == 1
    assert {run_id for _status, run_id in answers} == {str(Run.objects.get().pk)}
    assert sorted(status for status, _run_id in answers) == [200] * 49 + [201]


@pytest.mark.django_db
class TestRead:
    def test_the_list_is_newest_first_and_filtered(self, client: Client, cast: Cast) -> None:
        job, other = make_job(), make_job("other")
        old = make_run(job, RunState.FAILED, ago=86400 * 3)
        new = make_run(job, RunState.SUCCEEDED)
        make_run(other, RunState.RUNNING)
        headers = bearer(cast.dan, "jobs:read")

        def ids(query: str) -> list[str]:
            return [
                run["id"] for run in client.get(f"/api/v1/runs?{query}", headers=headers).json()["results"]
            ]

        assert ids("job=load-weather") == [str(new.pk), str(old.pk)]
        assert ids("state=failed&state=succeeded") == [str(new.pk), str(old.pk)]
        since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert ids(f"job=load-weather&created_after={since}") == [str(new.pk)]
        assert ids(f"created_before={since}") == [str(old.pk)]
        assert client.get("/api/v1/runs?state=odd", headers=headers).status_code == 400

    def test_the_cursor_shows_each_run_once(self, client: Client, cast: Cast) -> None:
        job = make_job()
        runs = [str(make_run(job).pk) for _ in range(7)]
        headers = bearer(cast.dan, "jobs:read")
        path, seen = "/api/v1/runs?limit=3", []
        while path:
            answer = client.get(path, headers=headers).json()
            seen += [run["id"] for run in answer["results"]]
            make_run(job)
            path = answer["next"]
        assert seen == runs[::-1]

    def test_hidden_runs_are_neither_listed_nor_read(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(private=True, owner=cast.dan))
        headers = bearer(cast.finn, "jobs:read", "jobs:run")
        assert client.get("/api/v1/runs?job=load-weather", headers=headers).json()["results"] == []
        for path in (f"/api/v1/runs/{run.pk}", f"/api/v1/runs/{run.pk}/log", f"/api/v1/runs/{uuid4()}"):
            assert client.get(path, headers=headers).status_code == 404

    def test_a_failure_tells_class_and_message_but_no_traceback(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.FAILED)
        answer = client.get(f"/api/v1/runs/{run.pk}", headers=bearer(cast.ada, "jobs:read")).json()
        assert answer["error"]["class"] == "bad_input"
        assert set(answer["error"]) == {"class", "message"}

    def test_an_unchanged_run_is_not_sent_again(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job())
        headers = bearer(cast.dan, "jobs:read")
        etag = client.get(f"/api/v1/runs/{run.pk}", headers=headers)["ETag"]
        again = client.get(f"/api/v1/runs/{run.pk}", headers={**headers, "If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")

    def test_the_log_comes_in_pieces_until_it_has_ended(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job())
        make_log(run, 25)
        headers, after, numbers = bearer(cast.dan, "jobs:read"), 0, []
        for _ in range(10):
            answer = client.get(f"/api/v1/runs/{run.pk}/log?after={after}&limit=10", headers=headers).json()
            numbers += [line["number"] for line in answer["lines"]]
            after = answer["next_after"]
            if answer["ended"]:
                break
        assert numbers == list(range(1, 26))
        assert client.get(f"/api/v1/runs/{run.pk}/log?after=-1", headers=headers).status_code == 400

    def test_the_log_of_an_open_run_has_not_ended(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        answer = client.get(f"/api/v1/runs/{run.pk}/log", headers=bearer(cast.dan, "jobs:read")).json()
        assert answer == {"lines": [], "next_after": 0, "ended": False}

    def test_more_runs_take_no_more_queries(
        self, client: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(10):
            make_run(make_job(f"job-{number}"), by=cast.dan)
        headers = bearer(cast.dan, "jobs:read")
        client.get("/api/v1/runs", headers=headers)
        with django_assert_num_queries(2):
            client.get("/api/v1/runs", headers=headers)


@pytest.mark.django_db
class TestOutputs:
    def shown(self, client: Client, user: User, run: Run) -> dict[str, Any]:
        headers = bearer(user, "jobs:read")
        one: dict[str, Any] = client.get(f"/api/v1/runs/{run.pk}", headers=headers).json()["outputs"]
        listed = client.get("/api/v1/runs", headers=headers).json()["results"]
        assert [each["outputs"] for each in listed] == [one]
        return one

    def test_datasets_and_metrics_are_those_that_the_reader_sees(self, client: Client, cast: Cast) -> None:
        hidden = {"visibility": "team", "owner": cast.dan}
        catalog.dataset("flights")
        catalog.dataset("payroll", **hidden)
        catalog.metric("salaries", **hidden)
        outputs = {
            "datasets": [{"key": "flights", "row_count": 3}, {"key": "payroll", "row_count": 9}],
            "metrics": [{"key": "salaries", "points": 4}],
            "passed": 2,
        }
        run = make_run(make_job(), outputs=outputs)
        assert self.shown(client, cast.dan, run) == outputs
        seen = {"datasets": [{"key": "flights", "row_count": 3}], "metrics": [], "passed": 2}
        assert self.shown(client, cast.finn, run) == seen

    def test_of_a_report_only_what_its_page_shows(self, client: Client, cast: Cast) -> None:
        catalog.dataset("payroll", table={"physical_name": "fin.payroll"}, visibility="team", owner=cast.dan)
        catalog.metric("salaries", visibility="team", owner=cast.dan)
        run, citation = make_edition("pay", tables=["fin.payroll"], rows=[["2013-01", 3]])
        failed = {"kind": "metric", "title_en": "Pay", "metric": "salaries", "failed": {"why": "gone"}}
        run.outputs["sections"].append(failed)
        run.outputs["reads"] = {"tables": ["fin.payroll"], "metrics": ["salaries"]}
        run.save()
        mine = self.shown(client, cast.dan, run)
        assert "reads" not in mine
        assert mine["sections"][0]["evidence"] == str(citation.evidence_id)
        told = self.shown(client, cast.finn, run)
        assert [each["evidence"] for each in told["sections"]] == [None, None]
        assert "payroll" not in str(told)
        assert "salaries" not in str(told)

    def test_more_runs_take_no_more_queries(
        self, client: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(6):
            catalog.dataset(f"flights_{number}")
            make_run(make_job(f"job-{number}"), outputs={"datasets": [{"key": f"flights_{number}"}]})
            make_edition(f"report-{number}", tables=[f"lake.operations.flights_{number}"], rows=[])
        headers = bearer(cast.dan, "jobs:read")
        client.get("/api/v1/runs", headers=headers)
        with django_assert_num_queries(5):
            client.get("/api/v1/runs", headers=headers)


@pytest.mark.django_db
class TestCancel:
    def test_it_answers_202_and_the_run_stops(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.QUEUED)
        response = post(client, f"/api/v1/runs/{run.pk}/cancel", **bearer(cast.dan, "jobs:run"))
        assert response.status_code == 202
        assert response.json()["state"] == "cancelled"

    def test_a_run_that_was_not_caught_is_a_conflict(
        self, client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = make_run(make_job(), RunState.QUEUED)
        monkeypatch.setattr(RunQuerySet, "ended_by_word", lambda found, _job: found.none())
        response = post(client, f"/api/v1/runs/{run.pk}/cancel", **bearer(cast.dan, "jobs:run"))
        assert (response.status_code, response.json()["type"]) == (409, "/api/docs/#problem-missed")

    def test_a_running_run_is_asked_to_stop(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        response = post(client, f"/api/v1/runs/{run.pk}/cancel", **bearer(cast.dan, "jobs:run"))
        assert (response.json()["state"], response.json()["cancel_requested"]) == ("running", True)

    def test_an_ended_run_is_a_conflict(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job())
        assert (
            post(client, f"/api/v1/runs/{run.pk}/cancel", **bearer(cast.dan, "jobs:run")).status_code == 409
        )

    def test_it_takes_the_scope_of_this_job(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.QUEUED)
        for scope in ("jobs:read", "jobs:run:other"):
            assert post(client, f"/api/v1/runs/{run.pk}/cancel", **bearer(cast.dan, scope)).status_code == 403
        run.refresh_from_db()
        assert run.state == RunState.QUEUED


@pytest.mark.django_db(transaction=True)
class TestWait:
    def test_it_answers_as_soon_as_the_run_has_ended(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.RUNNING)

        def finish() -> None:
            time.sleep(0.5)
            ended = {"state": RunState.SUCCEEDED, "finished_at": timezone.now(), "lease_until": None}
            Run.objects.filter(pk=run.pk).update(**ended)
            close_old_connections()
            connection.close()

        ender = threading.Thread(target=finish)
        headers = bearer(cast.dan, "jobs:read")
        started = time.monotonic()
        ender.start()
        answer = client.get(f"/api/v1/runs/{run.pk}?wait=20", headers=headers).json()
        ender.join()
        assert answer["state"] == "succeeded"
        assert 0.4 < time.monotonic() - started < 5

    def test_it_answers_with_what_is_when_the_time_is_over(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        answer = client.get(f"/api/v1/runs/{run.pk}?wait=1", headers=bearer(cast.dan, "jobs:read"))
        assert (answer.status_code, answer.json()["state"]) == (200, "running")

    def test_one_too_many_is_answered_at_once(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        headers = bearer(cast.dan, "jobs:read")
        taken = [longpoll._places.acquire(blocking=False) for _ in range(longpoll.AT_ONCE)]
        try:
            assert all(taken)
            started = time.monotonic()
            answer = client.get(f"/api/v1/runs/{run.pk}?wait=20", headers=headers)
            assert (answer.status_code, answer.json()["state"]) == (200, "running")
            assert time.monotonic() - started < 2
        finally:
            for _ in taken:
                longpoll._places.release()

    def test_nothing_is_held_while_it_waits(self, client: Client, cast: Cast) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        headers, found = bearer(cast.dan, "jobs:read"), []

        def look() -> None:
            time.sleep(0.5)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND state LIKE 'idle in transaction%%' AND pid <> pg_backend_pid()"
                )
                found.append(cursor.fetchone()[0])
            connection.close()

        looker = threading.Thread(target=look)
        looker.start()
        client.get(f"/api/v1/runs/{run.pk}?wait=1", headers=headers)
        looker.join()
        assert found == [0]

    @pytest.mark.parametrize("wait", ["21", "-1", "soon", "1.5", "٣"])
    def test_a_wait_beyond_the_bound_is_refused(self, client: Client, cast: Cast, wait: str) -> None:
        run = make_run(make_job())
        path = f"/api/v1/runs/{run.pk}?wait={wait}"
        assert client.get(path, headers=bearer(cast.dan, "jobs:read")).status_code == 400
