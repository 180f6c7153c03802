"""Pools by the API: how full they are, and how many places they have."""

from typing import Any

import pytest
from django.test import Client

from jobs.choices import RunState
from jobs.models import Pool
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories.jobs import make_job, make_run
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db


def change(client: Client, key: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return client.patch(f"/api/v1/pools/{key}", body, content_type="application/json", headers=headers)


def test_a_list_says_how_full_each_is(client: Client, cast: Cast) -> None:
    job = make_job()
    Pool.objects.filter(pk=job.pool_id).update(slots=2)
    make_run(job, RunState.RUNNING)
    make_run(job, RunState.QUEUED)
    make_run(job, RunState.QUEUED)
    answer = client.get("/api/v1/pools", headers=bearer(cast.dan, "jobs:read"))
    assert answer.status_code == 200
    assert answer.json() == {"results": [{"key": job.pool.key, "slots": 2, "busy": 1, "queued": 2}]}


def test_places_are_changed_once_with_a_line_in_the_audit_trail(client: Client, cast: Cast) -> None:
    key, headers = make_job().pool.key, bearer(cast.dan, "jobs:edit")
    for _ in range(2):
        answer = change(client, key, {"slots": 7}, headers)
        assert (answer.status_code, answer.json()["slots"]) == (200, 7)
    event = AuditEvent.objects.get(action="pool.changed")
    assert (event.actor_label, event.data["slots"]) == (f"test ({cast.dan.name})", 7)


@pytest.mark.parametrize("slots", [0, -1, 1001, "many", None, 2.5])
def test_a_number_that_does_not_fit_changes_nothing(client: Client, cast: Cast, slots: Any) -> None:
    pool = make_job().pool
    answer = change(client, pool.key, {"slots": slots}, bearer(cast.dan, "jobs:edit"))
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == ["slots"]
    assert Pool.objects.get(pk=pool.pk).slots == pool.slots


def test_a_misspelt_field_is_named(client: Client, cast: Cast) -> None:
    key = make_job().pool.key
    answer = change(client, key, {"slots": 7, "nmae": "x"}, bearer(cast.dan, "jobs:edit"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "nmae")


def test_who_may_not_edit_jobs_changes_none(client: Client, cast: Cast) -> None:
    key = make_job().pool.key
    assert change(client, key, {"slots": 7}, bearer(cast.ben, "jobs:edit")).status_code == 403
    assert change(client, key, {"slots": 7}, bearer(cast.dan, "jobs:read")).status_code == 403
    assert change(client, "no-such", {"slots": 7}, bearer(cast.dan, "jobs:edit")).status_code == 404
    assert client.get("/api/v1/pools", headers=bearer(cast.ada, "jobs:read")).status_code == 403
