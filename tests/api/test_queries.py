"""Ask the lake by the API: once for each key, refused with its place, and nobody's but the asker's."""

from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from jobs.actions.queries import MOST_OPEN
from jobs.choices import RunState
from jobs.models import Run
from portal.evidence.actions import record_result
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
URL = "/api/v1/queries"
SQL = "SELECT origin, count(*) AS n FROM flights.flights WHERE month = $m GROUP BY origin"


@pytest.fixture(autouse=True)
def _flights(cast: Cast) -> None:
    catalog.dataset("flights", columns=("origin", "month"), table={"physical_name": "flights.flights"})


def send(client: Client, headers: dict[str, str], **body: Any) -> Any:
    return client.post(URL, body, content_type="application/json", headers=headers)


def test_it_asks_once_for_a_key(client: Client, cast: Cast) -> None:
    headers = {**bearer(cast.ben, "queries:run"), "Idempotency-Key": "one"}
    first = send(client, headers, sql=SQL, parameters={"m": 2})
    assert (first.status_code, first.json()["state"]) == (201, "queued")
    assert first["Location"] == f"{URL}/{first.json()['number']}"
    # A column that came meanwhile changes what a star stands for, not what was asked.
    again = send(client, headers, sql=SQL, parameters={"m": 2})
    other = send(client, headers, sql=SQL, parameters={"m": 3})
    assert (again.status_code, again.json()["number"]) == (200, first.json()["number"])
    assert (other.status_code, other.json()["type"]) == (422, "/api/docs/#problem-idempotency")
    assert Run.objects.get().params["parameters"] == {"m": 2}


def test_the_same_key_gives_the_same_query_when_the_table_has_another_column(
    client: Client, cast: Cast
) -> None:
    headers = {**bearer(cast.ben, "queries:run"), "Idempotency-Key": "star"}
    first = send(client, headers, sql="SELECT * FROM flights.flights")
    catalog.column("flights", "carrier")
    again = send(client, headers, sql="SELECT * FROM flights.flights")
    assert (first.status_code, again.status_code) == (201, 200)


def test_refused_sql_says_where(client: Client, cast: Cast) -> None:
    answer = send(
        client, bearer(cast.ben, "queries:run"), sql="SELECT origin,\n  nothing FROM flights.flights"
    )
    body = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, body["type"], body["line"], body["column"]) == (
        422,
        "/api/docs/#problem-sql",
        2,
        3,
    )
    assert "nothing" in body["detail"]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "sql"),
        ({"sql": "SELECT 1", "params": {}}, "params"),
        ({"sql": SQL, "parameters": {"m": {"a": 1}}}, "parameters.m"),
    ],
)
def test_it_names_the_field_that_is_wrong(
    client: Client, cast: Cast, body: dict[str, Any], field: str
) -> None:
    answer = send(client, bearer(cast.ben, "queries:run"), **body)
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (400, [field])


def test_more_than_some_open_queries_are_too_many(client: Client, cast: Cast) -> None:
    headers = bearer(cast.ben, "queries:run")
    codes = [send(client, headers, sql=SQL, parameters={"m": m}).status_code for m in range(MOST_OPEN)]
    refused = send(client, headers, sql=SQL, parameters={"m": 0})
    assert (set(codes), refused.status_code, refused["Retry-After"]) == ({201}, 429, "5")


def test_the_answer_comes_with_its_evidence_and_to_the_asker_only(client: Client, cast: Cast) -> None:
    headers = bearer(cast.ben, "queries:run")
    number = send(client, headers, sql=SQL, parameters={"m": 2}).json()["number"]
    run = Run.objects.get(number=number)
    evidence = record_result(
        sql=run.params["sql"],
        parameters={"m": 2},
        dialect="duckdb",
        engine="duckdb 1",
        snapshot=7,
        tables=["flights.flights"],
        columns=[{"name": "origin", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}],
        rows=[["EWR", 3], ["JFK", None]],
        row_count=2,
        cut=False,
        result_hash="0" * 64,
        duration_ms=5,
        charts={},
        run_id=run.pk,
    )
    Run.objects.filter(pk=run.pk).update(
        state=RunState.SUCCEEDED, finished_at=run.created_at, outputs={"evidence": str(evidence.pk)}
    )
    answer = client.get(f"{URL}/{number}", headers=headers).json()
    assert (answer["state"], answer["rows"], answer["snapshot"]) == (
        "succeeded",
        [["EWR", 3], ["JFK", None]],
        7,
    )
    assert (answer["evidence"], answer["error"]) == (str(evidence.pk), None)
    for other in (cast.cleo, cast.dan):
        assert client.get(f"{URL}/{number}", headers=bearer(other, "queries:run")).status_code == 404
    assert client.get(f"{URL}/{number}", headers=bearer(cast.ben, "jobs:read")).status_code == 403


def test_a_failed_query_says_where_in_its_sql(client: Client, cast: Cast) -> None:
    headers = bearer(cast.ben, "queries:run")
    number = send(client, headers, sql=SQL, parameters={"m": 2}).json()["number"]
    error = {
        "class": "bad_input",
        "message": "Could not convert",
        "detail": "",
        "place": {"line": 3, "column": 8},
    }
    Run.objects.filter(number=number).update(state=RunState.FAILED, error=error, finished_at=Now())
    answer = client.get(f"{URL}/{number}", headers=headers).json()
    assert answer["error"] == {"class": "bad_input", "message": "Could not convert", "line": 3, "column": 8}
    assert answer["rows"] == []


def test_a_number_that_is_none_is_refused(client: Client, cast: Cast) -> None:
    # JSON itself has no word for one but a number that no double holds.
    body = f'{{"sql": "{SQL}", "parameters": {{"m": 1e999}}}}'
    headers = bearer(cast.ben, "queries:run")
    answer = client.post(URL, body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert "too large" in answer.content.decode()
    assert Run.objects.count() == 0
