"""Saved views: lists that somebody keeps in their rail."""

import pytest
from django.test import Client

from portal.accounts.models import SavedView
from tests.conftest import Cast
from tests.factories.jobs import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    make_job()
    return client


def keep(client, name="Failing", here="/jobs/?state=unhappy"):
    return client.post("/account/views/add/", {"name": name, "here": here})


def test_a_list_is_kept_with_its_filters_and_shown_on_the_left(dan, cast):
    assert keep(dan)["Location"] == "/jobs/?state=unhappy"
    page = dan.get("/").content.decode()
    assert '<a class="item more" href="/jobs/?state=unhappy">' in page
    assert (
        'href="/jobs/?state=unhappy" aria-current="page"' in dan.get("/jobs/?state=unhappy").content.decode()
    )
    assert SavedView.objects.get().user == cast.dan


def test_nobody_sees_anothers(dan, client, cast):
    keep(dan)
    client.force_login(cast.ada)
    assert 'href="/jobs/?state=unhappy"' not in client.get("/catalog/").content.decode()


def test_where_one_stood_in_the_list_is_not_kept(dan):
    keep(dan, here="/jobs/?state=unhappy&cursor=WzAsImEiXQ")
    assert SavedView.objects.get().url == "/jobs/?state=unhappy"


def test_the_same_list_takes_the_new_name(dan):
    keep(dan)
    keep(dan, name="What broke")
    assert [view.name for view in SavedView.objects.all()] == ["What broke"]


def test_the_same_name_takes_the_new_list(dan):
    keep(dan)
    keep(dan, here="/catalog/?certified=true")
    assert [view.url for view in SavedView.objects.all()] == ["/catalog/?certified=true"]


@pytest.mark.parametrize(
    "here",
    ["/account/", "/nowhere/", "https://evil.example/jobs/", "//evil.example/jobs/", "javascript:1", "jobs/"],
)
def test_only_lists_of_ours_are_kept(dan, here):
    assert keep(dan, here=here)["Location"].startswith("/")
    assert not keep(dan, here=here)["Location"].startswith("//")
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 61])
def test_a_view_needs_a_name(dan, name):
    assert keep(dan, name=name).status_code == 302
    assert not SavedView.objects.exists()
    assert "it takes a name" in dan.get("/jobs/").content.decode()


def test_a_rail_holds_only_so_many(dan):
    for number in range(SavedView.MOST):
        keep(dan, name=f"View {number}", here=f"/jobs/?q={number}")
    keep(dan, name="One more", here="/jobs/?q=more")
    assert SavedView.objects.count() == SavedView.MOST
    assert "remove one first" in dan.get("/jobs/").content.decode()


def test_it_is_dropped_again(dan):
    keep(dan)
    view = SavedView.objects.get()
    assert "Remove from my views" in dan.get(view.url).content.decode()
    answer = dan.post(f"/account/views/{view.pk}/remove/", {"here": view.url})
    assert answer["Location"] == view.url
    assert "Save this view" in dan.get(view.url).content.decode()
