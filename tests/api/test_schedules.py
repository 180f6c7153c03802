"""The API of when a job starts by itself."""

from typing import Any

import pytest
from django.test import Client

from jobs.models import Schedule
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_job, make_schedule
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
PATH = "/api/v1/jobs/load-weather/schedules"
JSON = "application/json"


@pytest.fixture
def headers(cast: Cast) -> dict[str, str]:
    return bearer(cast.dan, "jobs:edit", "jobs:read")


def test_one_is_added_changed_paused_and_deleted(client: Client, headers: dict[str, str]) -> None:
    make_job()
    wish = {"cron": "30 2 * * *", "zone": "Europe/Berlin"}
    made = client.post(PATH, wish, content_type=JSON, headers=headers)
    assert made.status_code == 201
    body = made.json()
    assert (body["cron"], body["misfire"], len(body["next_slots"])) == ("30 2 * * *", "latest", 5)
    own = f"{PATH}/{body['id']}"
    changed = client.patch(
        own, {"misfire": "all", "max_catchup": 3}, content_type=JSON, headers=headers
    ).json()
    assert (changed["cron"], changed["misfire"], changed["max_catchup"]) == ("30 2 * * *", "all", 3)
    other = client.patch(own, {"interval": 600}, content_type=JSON, headers=headers).json()
    assert (other["cron"], other["interval"]) == ("", 600)
    assert client.post(f"{own}/pause", headers=headers).json()["enabled"] is False
    assert client.post(f"{own}/resume", headers=headers).json()["enabled"] is True
    assert client.get(own, headers=headers).json()["interval"] == 600
    assert len(client.get(PATH, headers=headers).json()) == 1
    assert client.delete(own, headers=headers).status_code == 204
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({"cron": "61 * * * *"}, 422, "cron"),
        ({"cron": "0 0 30 2 *"}, 422, "cron"),
        ({"cron": "0 6 * * *", "zone": "Mars/Olympus"}, 422, "zone"),
        ({}, 422, "cron"),
        ({"cron": "0 6 * * *", "interval": 60}, 422, "cron"),
        ({"interval": 10**9}, 422, "interval"),
        ({"interval": 60, "anchor": "9999-12-31T23:59:59Z"}, 422, "anchor"),
        ({"interval": 60, "anchor": "0001-01-01T00:00:00Z"}, 422, "anchor"),
        ({"interval": 60, "params": {"nobody": 1}}, 422, "params.nobody"),
        ({"cronn": "0 6 * * *"}, 400, "cronn"),
    ],
)
def test_what_does_not_fit_is_said_field_by_field(
    client: Client, headers: dict[str, str], wish: dict[str, Any], status: int, field: str
) -> None:
    make_job()
    answer = client.post(PATH, wish, content_type=JSON, headers=headers)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Schedule.objects.exists()


def test_what_code_states_is_a_conflict(client: Client, headers: dict[str, str]) -> None:
    made = make_schedule(make_job(), from_code=True)
    assert client.delete(f"{PATH}/{made.pk}", headers=headers).status_code == 409
    answer = client.patch(f"{PATH}/{made.pk}", {"interval": 60}, content_type=JSON, headers=headers)
    assert answer.status_code == 409


def test_reading_is_not_editing(client: Client, cast: Cast) -> None:
    make_job()
    only_read = bearer(cast.dan, "jobs:read")
    assert client.post(PATH, {"interval": 60}, content_type=JSON, headers=only_read).status_code == 403


class TestNewData:
    PATH = "/api/v1/jobs/load-weather/data"

    def test_one_is_added_changed_and_deleted(self, client: Client, headers: dict[str, str]) -> None:
        make_job()
        catalog.dataset("ops.flights")
        catalog.dataset("ops.weather")
        wish = {"datasets": ["ops.flights", "ops.weather"], "gathering": "all"}
        made = client.post(self.PATH, wish, content_type=JSON, headers=headers)
        assert made.status_code == 201
        own = f"{self.PATH}/{made.json()['id']}"
        assert made.json()["datasets"] == ["ops.flights", "ops.weather"]
        changed = client.patch(own, {"datasets": ["ops.weather"]}, content_type=JSON, headers=headers).json()
        assert (changed["datasets"], changed["gathering"]) == (["ops.weather"], "all")
        assert len(client.get(self.PATH, headers=headers).json()) == 1
        assert client.delete(own, headers=headers).status_code == 204

    @pytest.mark.parametrize(
        ("wish", "words"),
        [
            ({"datasets": ["ops.nothing"]}, "no dataset ops.nothing"),
            ({"datasets": []}, "at least one"),
            ({"datasets": ["ops.made"]}, "load-weather → ops.made → load-weather"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, client: Client, headers: dict[str, str], wish: dict[str, Any], words: str
    ) -> None:
        make_job()
        catalog.dataset("ops.made")
        catalog.edge(("job", "load-weather"), ("dataset", "ops.made"))
        answer = client.post(self.PATH, wish, content_type=JSON, headers=headers)
        assert answer.status_code in {400, 422}
        assert words in answer.json()["errors"][0]["message"]
