"""The API of backfills."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.choices import RunState
from jobs.models import Backfill, Run
from tests.conftest import Cast
from tests.factories.jobs import DAY_PARAMETERS, make_backfill, make_job, make_run
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
PATH = "/api/v1/jobs/load-weather/backfills"
JSON = "application/json"
RANGE = {"parameter": "day", "first": "2013-02-27", "last": "2013-03-01", "parallel": 2}


@pytest.fixture
def headers(cast: Cast) -> dict[str, str]:
    return bearer(cast.ben, "jobs:run", "jobs:read")


def test_a_dry_run_lists_and_starts_nothing(client: Client, headers: dict[str, str]) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    answer = client.post(PATH, {**RANGE, "dry_run": True}, content_type=JSON, headers=headers)
    assert answer.status_code == 200
    assert [each["value"] for each in answer.json()["partitions"]] == [
        "2013-02-27",
        "2013-02-28",
        "2013-03-01",
    ]
    assert not Backfill.objects.exists()


def test_the_same_key_starts_one_backfill(client: Client, headers: dict[str, str]) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    keyed = {**headers, "Idempotency-Key": "night"}
    first, second = (client.post(PATH, RANGE, content_type=JSON, headers=keyed) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["states"] == {"queued": 3}
    assert Run.objects.count() == 3
    other = client.post(PATH, {**RANGE, "parallel": 3}, content_type=JSON, headers=keyed)
    assert other.status_code == 422
    assert client.post(PATH, RANGE, content_type=JSON, headers=headers).status_code == 422
    assert Run.objects.count() == 3


def test_a_key_is_of_one_job(client: Client, headers: dict[str, str]) -> None:
    for key in ("load-weather", "load-flights"):
        make_job(key, parameters_schema=DAY_PARAMETERS)
    keyed = {**headers, "Idempotency-Key": "night"}
    paths = [PATH, PATH.replace("weather", "flights")]
    made = [client.post(path, RANGE, content_type=JSON, headers=keyed) for path in paths]
    assert [each.status_code for each in made] == [201, 201]
    assert [each.json()["job"] for each in made] == ["load-weather", "load-flights"]


def test_the_number_of_queries_does_not_grow(
    client: Client, headers: dict[str, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job(parameters_schema=DAY_PARAMETERS)

    def more(number: int) -> None:
        for backfill in [make_backfill(job) for _ in range(number)]:
            failed = make_run(job, RunState.FAILED, backfill=backfill, partition="2013-01-01")
            make_run(job, RunState.QUEUED, backfill=backfill, partition="2013-01-01", rerun_of=failed)
            make_run(job, backfill=backfill, partition="2013-01-02")

    more(1)
    client.get(PATH, headers=headers)
    for found in (1, 10):
        with django_assert_num_queries(5):
            listed = client.get(PATH, headers=headers).json()
        assert [each["states"] for each in listed] == [{"queued": 1, "succeeded": 1}] * found
        more(9)


def test_it_is_followed_and_steered(client: Client, headers: dict[str, str]) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    keyed = {**headers, "Idempotency-Key": "night"}
    made = client.post(PATH, RANGE, content_type=JSON, headers=keyed).json()
    own = f"/api/v1/backfills/{made['id']}"
    assert client.post(f"{own}/pause", headers=headers).json()["paused"] is True
    assert client.post(f"{own}/resume", headers=headers).json()["paused"] is False
    assert client.post(f"{own}/cancel", headers=headers).json()["states"] == {"cancelled": 3}
    assert client.post(f"{own}/again", headers=headers).json()["states"] == {"queued": 3}
    shown = client.get(own, headers=headers).json()
    assert [each["state"] for each in shown["partitions"]] == [RunState.QUEUED] * 3
    (listed,) = client.get(PATH, headers=headers).json()
    assert (listed["id"], "partitions" in listed) == (made["id"], False)


def test_whom_the_job_names_steers_what_they_started(client: Client, cast: Cast) -> None:
    make_job(parameters_schema=DAY_PARAMETERS).runners.add(cast.finn)
    token = bearer(cast.finn, "jobs:run")
    made = client.post(PATH, RANGE, content_type=JSON, headers={**token, "Idempotency-Key": "night"}).json()
    own = f"/api/v1/backfills/{made['id']}"
    for step in ("pause", "resume", "cancel", "again"):
        assert client.post(f"{own}/{step}", headers=token).status_code == 200
        assert client.post(f"{own}/{step}", headers=bearer(cast.ada, "jobs:run")).status_code == 403


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({"parameter": "rows"}, 422, "parameter"),
        ({"last": "2012-01-01"}, 422, "last"),
        ({"params": {"rows": 0}}, 422, "params.rows"),
        ({"first": "yesterday"}, 400, "first"),
        ({"paralel": 2}, 400, "paralel"),
    ],
)
def test_what_does_not_fit_is_said_field_by_field(
    client: Client, headers: dict[str, str], wish: dict[str, Any], status: int, field: str
) -> None:
    make_job(parameters_schema=DAY_PARAMETERS)
    keyed = {**headers, "Idempotency-Key": "night"}
    answer = client.post(PATH, {**RANGE, **wish}, content_type=JSON, headers=keyed)
    assert answer.status_code == status
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Run.objects.exists()


def test_a_job_that_is_off_is_a_conflict(client: Client, headers: dict[str, str]) -> None:
    make_job(parameters_schema=DAY_PARAMETERS, enabled=False)
    keyed = {**headers, "Idempotency-Key": "night"}
    assert client.post(PATH, RANGE, content_type=JSON, headers=keyed).status_code == 409
