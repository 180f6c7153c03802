"""Every error of the API has one form."""

import pytest
from django.core.cache import cache

from portal.accounts.actions import tokens
from portal.audit.actions import Actor
from tests.factories.jobs import make_job


@pytest.fixture
def call(client, cast):
    cache.clear()
    scopes = ["catalog:read", "jobs:read", "jobs:run", "jobs:edit", "jobs:write", "queries:run"]
    by = Actor.person(cast.dan)
    secret = tokens.create(owner=cast.dan, name="t", scopes=scopes, days=7, by=by).secret

    def send(method, path, body="", **kwargs):
        headers = {"Authorization": f"Bearer {secret}", **kwargs.pop("headers", {})}
        return client.generic(method, path, body, kwargs.pop("type", "application/json"), headers=headers)

    return send


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/nothing", "", 404),
        ("GET", "/api/v1/", "", 404),
        ("GET", "/api/v1/jobs/not-there", "", 404),
        ("GET", "/api/v1/runs/not-a-uuid", "", 404),
        ("GET", "/api/v1/runs/00000000-0000-0000-0000-000000000000", "", 404),
        ("DELETE", "/api/v1/jobs", "", 405),
        ("PUT", "/api/v1/runs", "{}", 405),
        ("POST", "/api/v1/jobs/not-there/runs", "{}", 404),
        ("GET", "/api/v1/jobs?limit=0", "", 400),
        ("GET", "/api/v1/jobs?limit=201", "", 400),
        ("GET", "/api/v1/jobs?limit=1e9", "", 400),
        ("GET", "/api/v1/jobs?cursor=garbage", "", 400),
        ("GET", "/api/v1/runs?cursor=cD1ub3QtYS11dWlk", "", 400),
        ("GET", "/api/v1/jobs?cursor=cD0lMDA%3D", "", 400),
    ],
)
def test_an_error_is_a_problem(call, method, path, body, status):
    response = call(method, path, body)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/api/docs/#problem-")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response["X-Request-ID"]


def test_wrong_fields_are_named(call):
    problem = call("GET", "/api/v1/jobs?limit=many").json()
    assert problem["errors"] == [{"field": "limit", "message": "It takes a whole number from 1 to 200."}]


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/jobs/load-weather/runs", r'{"params": {"rows": [1, 1e999]}}', "params.rows.1 is a number"),
        ("POST", "/jobs/load-weather/runs", r'{"params": {"a": "\ud800"}}', "params.a holds half"),
        (
            "POST",
            "/jobs/load-weather/runs",
            r'{"params": {"a": "x\u0000"}}',
            "params.a holds the character NUL",
        ),
        ("POST", "/jobs/load-weather/runs", r'{"params": {"\ud800": 1}}', "params holds half"),
        ("POST", "/jobs/load-weather/runs", r'["\u0000"]', "0 holds the character NUL"),
        (
            "POST",
            "/jobs/load-weather/schedules",
            r'{"cron": "0 6 * * *", "params": {"a": -1e999}}',
            "params.a",
        ),
        ("POST", "/jobs/load-weather/data", r'{"params": {"a": "\udfff"}}', "params.a"),
        ("POST", "/jobs/load-weather/backfills", r'{"params": {"a": "\ud800"}}', "params.a"),
        ("POST", "/queries", r'{"sql": "SELECT $m", "parameters": {"m": "\ud800"}}', "parameters.m"),
        ("POST", "/queries", r'{"sql": "SELECT 1\u0000"}', "sql"),
        ("POST", "/jobs", r'{"config": {"dataset": "a\u0000b"}}', "config.dataset"),
        ("POST", "/jobs", r'{"config": {"rows": 1e999}}', "config.rows"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_place(call, method, path, body, said):
    make_job()
    answer = call(method, f"/api/v1{path}", body)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_words_about_nul_are_kept(call):
    make_job(parameters_schema={"type": "object"})
    made = call(
        "POST", "/api/v1/jobs/load-weather/runs", r'{"params": {"a": "\\u0000", "b": "\ud83d\ude00"}}'
    )
    assert made.status_code == 201
    assert made.json()["params"] == {"a": r"\u0000", "b": "😀"}


def test_a_method_not_taken_names_those_that_are(call):
    assert "GET" in call("DELETE", "/api/v1/jobs")["Allow"]


def test_asking_for_html_still_gets_json(call):
    response = call("GET", "/api/v1/jobs", headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


def test_a_missing_page_of_the_portal_stays_a_page(client, db):
    assert client.get("/nothing")["Content-Type"].startswith("text/html")
