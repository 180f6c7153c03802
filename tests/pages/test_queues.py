"""The page of queues and workers."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.choices import RunState
from jobs.models import Clock, Pool, Worker
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories.jobs import make_backfill, make_job, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def make_worker(name: str = "desk-1", **fields: object) -> Worker:
    return Worker.objects.create(**{"name": name, "host": "desk", "pid": 1, "slots": 2, **fields})


def test_it_says_who_works_and_why_others_wait(dan: Client) -> None:
    make_worker()
    make_worker("desk-2", polled_at=timezone.now() - timedelta(minutes=5))
    Clock.objects.update_or_create(pk=1, defaults={"ticked_at": timezone.now()})
    job = make_job(name_en="Load weather")
    make_run(job, RunState.RUNNING, worker="desk-1")
    make_run(job, RunState.QUEUED)
    paused = make_backfill(make_job("filled"), paused=True)
    make_run(paused.job, RunState.QUEUED, backfill=paused, partition="2013-01-01")
    page = dan.get("/queues/").content.decode()
    for part in (
        "Waiting for another run of this job to end",
        "its backfill is paused",
        "desk-1",
        "last seen",
        "1 of 4",
        "2 wait",
    ):
        assert part in page
    assert "No clock is running" not in page


def test_without_clock_and_worker_it_says_so(dan: Client) -> None:
    page = dan.get("/queues/").content.decode()
    assert "No clock is running" in page
    assert "No worker is running" in page


def test_more_that_waits_takes_no_more_queries(
    dan: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job()
    for _ in range(60):
        make_run(job, RunState.QUEUED)
    dan.get("/queues/")
    with django_assert_max_num_queries(20):
        page = dan.get("/queues/").content.decode()
    assert "Only the first 50 are shown." in page


def test_what_one_may_not_see_is_not_named(client: Client, cast: Cast) -> None:
    make_run(make_job("hidden", private=True, owner=cast.dan, name_en="Secret"), RunState.QUEUED)
    client.force_login(cast.ben)
    assert "Secret" not in client.get("/queues/").content.decode()


def test_the_counts_agree_with_each_other_in_the_page_and_in_what_comes_by_itself(
    client: Client, cast: Cast
) -> None:
    make_worker(slots=4)
    make_run(make_job("hidden", private=True, owner=cast.dan), RunState.RUNNING, worker="desk-1")
    make_run(make_job(), RunState.RUNNING, worker="desk-1")
    client.force_login(cast.ben)
    page = client.get("/queues/")
    part = client.get("/queues/", headers={"HX-Request": "true"}).content.decode()
    for shown in (page.content.decode(), part):
        assert "1 more run of a job that you may not see." in shown
        assert shown.count("2 of 4") == 2
    assert 'id="pool-default" hx-swap-oob="true"' in part
    assert client.get(page.context["live"], headers={"HX-Request": "true"}).status_code == 204


def test_more_that_works_than_fits_is_counted_so(dan: Client) -> None:
    job = make_job()
    for _ in range(51):
        make_run(job, RunState.RUNNING)
    assert '<span class="count">50+</span>' in dan.get("/queues/").content.decode()


class TestPools:
    def test_places_are_changed_by_who_may(self, dan: Client) -> None:
        make_job()
        assert dan.post("/queues/pools/default/", {"slots": "7"})["Location"] == "/queues/"
        assert Pool.objects.get(key="default").slots == 7
        assert AuditEvent.objects.get(action="pool.changed").data == {"before": 4, "slots": 7}

    def test_one_place_is_told_as_one(self, dan: Client) -> None:
        make_job()
        page = dan.post("/queues/pools/default/", {"slots": "1"}, follow=True).content.decode()
        assert "The pool default has 1 place now." in page

    @pytest.mark.parametrize("slots", ["0", "-1", "1001", "many", "", "9" * 30, "٣"])
    def test_other_numbers_are_refused(self, dan: Client, slots: str) -> None:
        make_job()
        page = dan.post("/queues/pools/default/", {"slots": slots}, follow=True).content.decode()
        assert "A pool has 1 to 1000 places." in page
        assert Pool.objects.get(key="default").slots == 4

    def test_who_may_not_edit_only_looks(self, client: Client, cast: Cast) -> None:
        make_job()
        client.force_login(cast.ben)
        assert "queues/pools" not in client.get("/queues/").content.decode()
        assert client.post("/queues/pools/default/", {"slots": "7"}).status_code == 403
