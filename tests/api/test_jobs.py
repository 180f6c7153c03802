import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.choices import RunState, Source
from jobs.models import Job
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories.jobs import DAY_PARAMETERS, make_job, make_run, make_schedule
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db


def test_a_call_without_a_token_is_refused(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    response = client.get("/api/v1/jobs")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"


def test_the_list_holds_what_the_owner_may_see(client: Client, cast: Cast) -> None:
    make_job("open-job")
    make_job("hidden", private=True, owner=cast.dan)
    for who, keys in (("finn", ["open-job"]), ("dan", ["hidden", "open-job"])):
        answer = client.get("/api/v1/jobs", headers=bearer(getattr(cast, who), "jobs:read")).json()
        assert [job["key"] for job in answer["results"]] == keys


def test_a_job_shows_its_schema_schedules_and_last_run(client: Client, cast: Cast) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS, owner=cast.dan)
    make_schedule(job)
    run = make_run(job)
    answer = client.get("/api/v1/jobs/load-weather", headers=bearer(cast.dan, "jobs:read")).json()
    assert answer["parameters_schema"] == DAY_PARAMETERS
    assert answer["schedules"][0]["cron"] == "0 6 * * *"
    assert answer["last_run"]["id"] == str(run.pk)
    assert answer["owner"] == "Dan Seo"


def test_a_job_shows_nothing_that_was_not_meant(client: Client, cast: Cast) -> None:
    make_job(owner=cast.dan, config={"pipeline": "x", "password": "hunter2"})
    answer = client.get("/api/v1/jobs/load-weather", headers=bearer(cast.dan, "jobs:read"))
    assert set(answer.json()) == {
        "key", "name_en", "name_ko", "description_en", "description_ko", "kind", "enabled", "version",
        "owner", "team", "pool", "timeout", "max_attempts", "max_active_runs", "parameters_schema",
        "schedules", "last_run", "defined_in", "definition",
    }  # fmt: skip
    assert "hunter2" not in answer.content.decode()
    assert "@" not in answer.content.decode()


def test_a_missing_and_an_invisible_job_answer_the_same(client: Client, cast: Cast) -> None:
    make_job("hidden", private=True, owner=cast.dan)
    headers = bearer(cast.finn, "jobs:read")
    hidden, missing = (
        client.get("/api/v1/jobs/hidden", headers=headers),
        client.get("/api/v1/jobs/no", headers=headers),
    )
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json()["detail"] == missing.json()["detail"]


def test_a_token_without_the_scope_is_refused(client: Client, cast: Cast) -> None:
    make_job()
    for path in ("/api/v1/jobs", "/api/v1/jobs/load-weather"):
        assert client.get(path, headers=bearer(cast.dan, "catalog:read")).status_code == 403


def test_the_list_filters_and_pages(client: Client, cast: Cast) -> None:
    for number in range(5):
        make_run(make_job(f"job-{number}"), RunState.FAILED if number == 3 else RunState.SUCCEEDED)
    headers = bearer(cast.dan, "jobs:read")
    failing = client.get("/api/v1/jobs?state=unhappy", headers=headers).json()
    assert [job["key"] for job in failing["results"]] == ["job-3"]
    first = client.get("/api/v1/jobs?limit=3", headers=headers).json()
    rest = client.get(first["next"], headers=headers).json()
    assert [job["key"] for job in [*first["results"], *rest["results"]]] == [
        f"job-{number}" for number in range(5)
    ]
    assert client.get("/api/v1/jobs?state=nonsense", headers=headers).status_code == 400


def test_a_misspelt_filter_is_refused_with_those_there_are(client: Client, cast: Cast) -> None:
    headers = bearer(cast.dan, "jobs:read")
    reply = client.get("/api/v1/runs?jobb=x&limit=3&format=json", headers=headers)
    assert reply.status_code == 400
    (error,) = reply.json()["errors"]
    assert error["field"] == "jobb"
    assert "created_after, created_before, cursor, job, limit, state, trigger" in error["message"]
    assert client.get("/api/v1/runs?job=x&limit=3&format=json", headers=headers).status_code == 200


def test_a_run_is_found_by_its_number_too(client: Client, cast: Cast) -> None:
    run, hidden = make_run(make_job()), make_run(make_job("hidden", private=True))
    headers = bearer(cast.ben, "jobs:read")
    assert client.get(f"/api/v1/runs/{run.number}", headers=headers).json()["id"] == str(run.pk)
    assert client.get(f"/api/v1/runs/{run.number}/log", headers=headers).status_code == 200
    for number in (hidden.number, 10**18, "9" * 19):
        assert client.get(f"/api/v1/runs/{number}", headers=headers).status_code == 404


def test_more_jobs_take_no_more_queries(
    client: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        job = make_job(f"job-{number}", owner=cast.dan)
        make_schedule(job)
        make_run(job)
        make_run(job)
    headers = bearer(cast.dan, "jobs:read")
    client.get("/api/v1/jobs", headers=headers)
    with django_assert_num_queries(4):
        client.get("/api/v1/jobs", headers=headers)


def test_a_job_is_switched_off_and_on(client: Client, cast: Cast) -> None:
    job = make_job(owner=cast.dan)
    schedule = make_schedule(job)
    waiting = make_run(job, RunState.QUEUED)
    headers = bearer(cast.dan, "jobs:edit", "jobs:run")
    for _again in range(2):
        off = client.post("/api/v1/jobs/load-weather/disable", headers=headers)
        assert (off.status_code, off.json()["enabled"]) == (200, False)
    started = client.post("/api/v1/jobs/load-weather/runs", {}, "application/json", headers=headers)
    assert started.status_code == 409
    on = client.post("/api/v1/jobs/load-weather/enable", headers=headers)
    assert (on.status_code, on.json()["enabled"]) == (200, True)
    started = client.post("/api/v1/jobs/load-weather/runs", {}, "application/json", headers=headers)
    assert started.status_code == 201
    schedule.refresh_from_db()
    assert schedule.next_slot is not None
    waiting.refresh_from_db()
    assert waiting.state == RunState.QUEUED
    told = AuditEvent.objects.filter(action__startswith="job.switched").order_by("pk")
    assert [event.action for event in told] == ["job.switched_off", "job.switched_on"]


def test_who_may_not_change_a_job_does_not_switch_it(client: Client, cast: Cast) -> None:
    make_job(owner=cast.dan)
    make_job("hidden", private=True, owner=cast.dan)
    for who, scope, key, status in (
        (cast.finn, "jobs:edit", "load-weather", 403),
        (cast.dan, "jobs:run", "load-weather", 403),
        (cast.finn, "jobs:edit", "hidden", 404),
    ):
        answer = client.post(f"/api/v1/jobs/{key}/disable", headers=bearer(who, scope))
        assert answer.status_code == status
    assert not Job.objects.filter(enabled=False).exists()


def test_what_no_file_defines_any_more_is_not_switched_on(client: Client, cast: Cast) -> None:
    make_job(owner=cast.dan, enabled=False, source=Source.FILE)
    answer = client.post("/api/v1/jobs/load-weather/enable", headers=bearer(cast.dan, "jobs:edit"))
    assert answer.status_code == 409
    assert "comes back with its file" in answer.json()["detail"]
