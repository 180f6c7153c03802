"""The list of alerts: open ones first of all, of jobs that the token's owner may see."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.actions.alerts import close_alerts, open_alert
from jobs.choices import Condition, RunState
from jobs.models import Alert, Job
from tests.conftest import Cast
from tests.factories.jobs import make_job, make_run
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db

ALERTS = "/api/v1/alerts"
Get = Callable[..., Any]


@pytest.fixture
def get(client: Client, cast: Cast) -> Get:
    headers = bearer(cast.ada, "jobs:read")
    return lambda **asked: client.get(ALERTS, asked, headers=headers)


def alert(job: Job, condition: Condition = Condition.FAILED) -> Alert:
    run = make_run(job, RunState.FAILED if condition == Condition.FAILED else RunState.RUNNING)
    assert open_alert(run=run, condition=condition)
    return Alert.objects.get(run=run)


def found(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [each["id"] for each in response.json()["results"]]


def test_it_lists_what_is_wrong_now_and_on_demand_what_was(get: Get) -> None:
    was = alert(make_job("mended"))
    close_alerts(run=make_run(was.job))
    now = alert(make_job("late", kind="sql_model"), Condition.DEADLINE)
    answer = get().json()["results"]
    assert answer == [
        {
            "id": now.pk,
            "condition": "deadline",
            "state": "open",
            "job": "late",
            "run": str(now.run_id),
            "run_number": now.run.number,
            "opened_at": answer[0]["opened_at"],
            "closed_at": None,
            "page": f"/runs/{now.run.number}/",
        }
    ]
    (closed,) = get(state="closed").json()["results"]
    assert (closed["id"], closed["state"], closed["closed_at"] is not None) == (was.pk, "closed", True)
    assert found(get(state="any")) == [now.pk, was.pk]


def test_it_is_filtered_by_job_kind_and_condition(get: Get) -> None:
    model, other = make_job("model", kind="sql_model"), make_job("other")
    one, two, three = alert(model), alert(model, Condition.LONGER), alert(other, Condition.LATE)
    assert found(get(job="model")) == [two.pk, one.pk]
    assert found(get(kind="python")) == [three.pk]
    assert found(get(condition=["late", "longer"])) == [three.pk, two.pk]
    assert found(get(job="model", condition="late")) == []


@pytest.mark.parametrize(
    "asked", [{"state": "ended"}, {"condition": "broken"}, {"job": "a\x00b"}, {"limit": "0"}]
)
def test_what_it_does_not_know_is_a_mistake_and_no_empty_list(get: Get, asked: dict[str, str]) -> None:
    response = get(**asked)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] in asked


def test_pages_go_on_by_key_and_cost_the_same_queries(
    get: Get, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    made = [alert(make_job(f"load-{number}")).pk for number in range(5)]
    with django_assert_max_num_queries(6):
        first = get(limit=3)
    assert found(first) == made[:1:-1]
    alert(make_job("newer"))
    (headers,) = [first.wsgi_request.headers]
    rest = client.get(first.json()["next"], headers={"Authorization": headers["Authorization"]})
    assert found(rest) == made[1::-1]


def test_alerts_of_jobs_that_its_owner_may_not_see_are_missing(get: Get, client: Client, cast: Cast) -> None:
    hidden = alert(make_job("hidden", private=True, owner=cast.dan))
    assert found(get(state="any")) == found(get(job="hidden")) == []
    assert found(client.get(ALERTS, headers=bearer(cast.dan, "jobs:read"))) == [hidden.pk]


def test_it_needs_its_scope(client: Client, cast: Cast) -> None:
    assert client.get(ALERTS, headers=bearer(cast.dan, "catalog:read")).status_code == 403
    assert client.get(ALERTS).status_code == 401
