"""/inbox/ and /account/notifications/: what one was told, and how one wants to be told."""

import html
import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from portal.audit.actions import Actor
from portal.events import Node, nodes
from portal.notifications.actions import notify
from portal.notifications.models import Notification, Preference


@pytest.fixture
def hidden(monkeypatch):
    keys: set[str] = set()
    monkeypatch.setitem(
        nodes._resolvers,
        "thing",
        lambda wanted, _user: {key: Node(f"<i>{key}</i>", "/jobs/") for key in wanted if key not in keys},
    )
    return keys


@pytest.fixture
def ada(client, cast, hidden):
    client.force_login(cast.ada)
    return client


@transaction.atomic
def tell(user, by="Ben Cho", key="secret-plan"):
    notify(to=[user], kind="comment.added", about=("thing", key), by=Actor("user", by, by))


def test_several_about_one_thing_are_one_row(ada, cast):
    tell(cast.ada)
    tell(cast.ada, by="Cleo Han")
    page = ada.get("/inbox/").content.decode()
    assert "Cleo Han and 1 more commented on <b>&lt;i&gt;secret-plan" in page
    assert page.count("/open/") == 1
    # The bell counts what the inbox lists: rows, not the notifications behind them.
    assert ada.get("/inbox/count/").content.decode().strip().startswith("1")


def test_it_shows_nothing_of_what_one_may_not_see_any_more(ada, cast, hidden):
    tell(cast.ada)
    hidden.add("secret-plan")
    assert "secret-plan" not in ada.get("/inbox/?show=all").content.decode()
    assert ada.get("/inbox/count/").content.decode().strip() == ""
    assert ada.post(f"/inbox/{Notification.objects.get().pk}/open/").url == "/inbox/"


def test_opening_reads_and_leads_there_and_may_be_taken_back(ada, cast):
    tell(cast.ada)
    told = Notification.objects.get()
    assert ada.post(f"/inbox/{told.pk}/open/").url == "/jobs/"
    assert not Notification.objects.unread().exists()
    assert ada.post("/inbox/unread/", {"pk": told.pk, "show": "all"}).url == "/inbox/?show=all"
    assert Notification.objects.unread().exists()


def test_another_persons_is_not_found_and_stays_unread(ada, cast):
    tell(cast.ben)
    told = Notification.objects.get()
    assert ada.post(f"/inbox/{told.pk}/open/").status_code == 404
    ada.post("/inbox/read/", {"upto": told.pk})
    assert Notification.objects.unread().count() == 1


def test_what_comes_meanwhile_stays_unread(ada, cast):
    tell(cast.ada)
    seen = Notification.objects.get().pk
    tell(cast.ada, key="other")
    ada.post("/inbox/read/", {"upto": seen})
    assert Notification.objects.unread().get().about_key == "other"


def test_all_read_is_undone_and_leaves_what_was_read_before(ada, cast):
    tell(cast.ada, key="before")
    ada.post("/inbox/read/", {"pk": Notification.objects.get().pk})
    tell(cast.ada)
    tell(cast.ada, key="other")
    page = ada.post("/inbox/read/", {"upto": Notification.objects.first().pk}, follow=True).content.decode()
    assert "Everything is marked as read." in page
    assert not Notification.objects.unread().exists()
    undo = html.unescape(re.findall(r'action="(/inbox/unread/[^"]+)"', page)[-1])
    ada.post(undo)
    assert set(Notification.objects.unread().values_list("about_key", flat=True)) == {"secret-plan", "other"}


@pytest.mark.parametrize("at", ["yesterday", "2026-01-01", "2026-13-45T00:00:00Z", "2026-01-01T00:00:00"])
def test_a_moment_that_is_none_is_refused(ada, at):
    assert ada.post(f"/inbox/unread/?at={at}").status_code == 400


def test_one_row_is_marked_as_read_with_all_behind_it(ada, cast):
    tell(cast.ada)
    tell(cast.ada, by="Cleo Han")
    tell(cast.ada, key="other")
    newest = Notification.objects.filter(about_key="secret-plan").first()
    ada.post("/inbox/read/", {"pk": newest.pk})
    assert Notification.objects.unread().get().about_key == "other"
    tell(cast.ben)
    assert ada.post("/inbox/read/", {"pk": Notification.objects.first().pk}).status_code == 404


def test_queries_do_not_grow_with_rows(ada, cast):
    tell(cast.ada)
    # The first visit of a session writes it once; it is not what is measured.
    ada.get("/inbox/")
    with CaptureQueriesContext(connection) as one:
        ada.get("/inbox/")
    for number in range(30):
        tell(cast.ada, key=str(number))
    with CaptureQueriesContext(connection) as many:
        page = ada.get("/inbox/").content.decode()
    assert page.count("/open/") == 31
    assert len(many) == len(one), [query["sql"][:90] for query in many]
    assert len(many) <= 5, [query["sql"][:90] for query in many]


def test_a_choice_is_kept_and_the_usual_needs_no_row(ada, cast):
    ada.post("/account/notifications/", {"for_me": "never", "mentioned": "now", "runs": "nonsense"})
    assert list(Preference.objects.values_list("user", "sort", "pace")) == [(cast.ada.pk, "for_me", "never")]
    assert '<option value="never" selected>' in ada.get("/account/notifications/").content.decode()
