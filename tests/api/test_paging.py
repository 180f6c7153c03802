"""Lists of the API page by key."""

import pytest
from django.core.cache import cache

from portal.accounts.actions import tokens
from portal.audit.actions import Actor
from tests.factories.jobs import make_job, make_run


@pytest.fixture
def get(client, cast):
    cache.clear()
    by = Actor.person(cast.dan)
    secret = tokens.create(owner=cast.dan, name="t", scopes=["jobs:read"], days=7, by=by).secret
    return lambda path: client.get(path, headers={"Authorization": f"Bearer {secret}"}).json()


def test_every_row_comes_once_while_rows_are_added(get):
    job = make_job()
    made = {str(make_run(job).pk) for _ in range(7)}
    seen, path = [], "/api/v1/runs?limit=3"
    while path:
        page = get(path)
        seen += [run["id"] for run in page["results"]]
        path = page["next"] and page["next"].replace("http://testserver", "")
        make_run(job)
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


def test_it_goes_back_the_same_way(get):
    job = make_job()
    for _ in range(5):
        make_run(job)
    first = get("/api/v1/runs?limit=2")
    second = get(first["next"].replace("http://testserver", ""))
    assert get(second["previous"].replace("http://testserver", ""))["results"] == first["results"]


def test_the_order_cannot_be_chosen(get):
    make_job("a-job")
    make_job("b-job")
    assert [job["key"] for job in get("/api/v1/jobs")["results"]] == ["a-job", "b-job"]
    refused = get("/api/v1/jobs?ordering=-key&order_by=-key")["errors"]
    assert [error["field"] for error in refused] == ["order_by", "ordering"]
