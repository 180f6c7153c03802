"""Every error of the API has one form."""

import pytest
from django.core.cache import cache

from portal.accounts.actions import tokens
from portal.audit.actions import Actor


@pytest.fixture
def call(client, cast):
    cache.clear()
    scopes = ["catalog:read", "jobs:read", "jobs:run"]
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


def test_a_method_not_taken_names_those_that_are(call):
    assert "GET" in call("DELETE", "/api/v1/jobs")["Allow"]


def test_asking_for_html_still_gets_json(call):
    response = call("GET", "/api/v1/jobs", headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


def test_a_missing_page_of_the_portal_stays_a_page(client, db):
    assert client.get("/nothing")["Content-Type"].startswith("text/html")
