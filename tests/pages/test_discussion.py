"""The thread's page: reading, writing, changing, watching; with and without htmx."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import Team
from portal.audit.models import AuditEvent
from portal.discussion.models import Attachment, Comment, Watch
from portal.notifications.models import Notification
from tests.conftest import Cast
from tests.factories import catalog, discussion
from tests.factories.jobs import make_job, make_run

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
FLIGHTS = ("dataset", "flights")
URL = "/discussion/dataset/flights/"


@pytest.fixture
def flights(cast: Cast) -> None:
    catalog.dataset("flights", owner=cast.dan)


@pytest.fixture
def ada(client: Client, cast: Cast, flights: None) -> Client:
    client.force_login(cast.ada)
    return client


@pytest.fixture
def ben(cast: Cast, flights: None) -> Client:
    client = Client()
    client.force_login(cast.ben)
    return client


def text(client: Client, path: str = URL, **kwargs) -> str:
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def told() -> set[tuple[str, str]]:
    return set(Notification.objects.values_list("kind", "recipient__name"))


def test_an_empty_thread_invites(ada: Client) -> None:
    page = text(ada)
    assert "Nobody has said anything yet" in page
    assert "Internal note" not in page
    assert "Send to Dan Seo and followers" in page


def test_a_comment_is_added_told_and_watched(ada: Client, cast: Cast) -> None:
    sent = ada.post(URL, {"body": "Is **January** complete? @Ben Cho", "once": "a"})
    assert sent.status_code == 302
    assert sent["Location"] == f"{URL}#comment-{Comment.objects.get().pk}"
    assert "Is <strong>January</strong> complete? <mark>@Ben Cho</mark>" in text(ada)
    assert told() == {("comment.mentioned", "Ben Cho"), ("comment.added", "Dan Seo")}
    assert Watch.objects.get().user == cast.ada
    assert AuditEvent.objects.get(action="comment.added").object_id == "flights"


def test_a_form_token_that_cannot_be_kept_hinders_nothing(ada: Client) -> None:
    assert ada.post(URL, {"body": "Complete?", "once": "a\0b"}).status_code == 302
    assert Comment.objects.get().once == "ab"


def test_sent_twice_it_stands_once(ada: Client) -> None:
    for _ in range(2):
        ada.post(URL, {"body": "Complete?", "once": "same"})
    assert Comment.objects.count() == 1
    ada.post(URL, {"body": "Other words", "once": "same"})
    assert Comment.objects.get().body == "Complete?"


def test_htmx_gets_the_comment_and_an_empty_form(ada: Client) -> None:
    answer = ada.post(URL, {"body": "Complete?", "once": "a"}, headers=HTMX).content.decode()
    assert answer.lstrip().startswith('<li class="comment"')
    assert 'id="composer"' in answer
    assert "Complete?</textarea>" not in answer
    assert "<html" not in answer


def test_what_was_typed_stays_when_it_is_refused(ben: Client) -> None:
    answer = ben.post(URL, {"body": "Who reads this?", "once": "a"}, headers=HTMX)
    assert answer["HX-Retarget"] == "#composer"
    assert "Who reads this?</textarea>" in answer.content.decode()
    assert "Choose who reads it" in answer.content.decode()
    assert ben.post(URL, {"body": "Who reads this?", "once": "a"}).status_code == 422
    assert not Comment.objects.exists()


def test_a_note_never_goes_to_everybody_by_mistake(ben: Client) -> None:
    """The switch and the button must say the same, or nothing is kept."""
    for audience, button in (("team", "everybody"), ("everybody", "team"), ("", "everybody")):
        ben.post(URL, {"body": "secret", "audience": audience, "send": button, "once": str(uuid4())})
    assert not Comment.objects.exists()


def test_a_note_is_for_the_data_team_only(ada: Client, ben: Client) -> None:
    ada.post(URL, {"body": "Complete?"})
    Notification.objects.all().delete()
    ben.post(URL, {"body": "The loader broke, ask @Finn Oh and @eun", "audience": "team", "send": "team"})
    assert "The loader broke" in text(ben)
    assert "Internal note: data team only" in text(ben)
    assert "The loader broke" not in text(ada)
    # Finn, and Ada who watches, do not hear of it; Dan owns the dataset, Eun is named.
    assert told() == {("note.added", "Dan Seo"), ("comment.mentioned", "Eun Park")}


def test_business_staff_write_no_notes(ada: Client) -> None:
    ada.post(URL, {"body": "hi", "audience": "team", "send": "team"})
    assert Comment.objects.get().internal is False


def test_the_writer_learns_who_cannot_see_it(cast: Cast, ben: Client) -> None:
    catalog.dataset("hidden", team=Team.objects.get(key="data"), visibility="team")
    url = "/discussion/dataset/hidden/"
    answer = ben.post(url, {"body": "@Finn Oh?", "audience": "everybody"}, headers=HTMX)
    assert "Finn Oh cannot see this, and was not told." in answer.content.decode()
    assert told() == set()


def test_two_of_one_name_are_not_guessed(cast: Cast, ben: Client) -> None:
    type(cast.ben).objects.create_user("eun2@example.com", name="Eun Park")
    answer = ben.post(URL, {"body": "@Eun Park and @eun", "audience": "everybody"}, headers=HTMX)
    assert "Several people could be meant by @Eun Park" in answer.content.decode()
    assert ("comment.mentioned", "Eun Park") in told()
    assert Notification.objects.filter(kind="comment.mentioned").count() == 1


def test_references_are_links_only_for_who_may_see_them(ada: Client, cast: Cast) -> None:
    seen = make_run(make_job("open"))
    hidden = make_run(make_job("closed", private=True, owner=cast.dan))
    ada.post(URL, {"body": f"See #{seen.number} and #{hidden.number} and `#{seen.number}`"})
    page = text(ada)
    assert page.count(f'href="/runs/{seen.number}/"') == 1
    assert f'href="/runs/{hidden.number}/"' not in page


def test_own_words_are_changed_by_version(ada: Client, ben: Client, cast: Cast) -> None:
    said = discussion.comment(FLIGHTS, cast.ada)
    url = f"/discussion/comments/{said.pk}/edit/"
    assert ben.get(url).status_code == 403
    assert "Is it complete?" in text(ada, url)
    assert ada.post(url, {"body": "Is January?", "version": "1"}).status_code == 302
    late = ada.post(url, {"body": "Mine", "version": "1"})
    assert late.status_code == 422
    assert "changed meanwhile" in late.content.decode()
    assert "Mine</textarea>" in late.content.decode()
    assert "edited" in text(ada)


def test_after_a_day_nothing_changes_any_more(ada: Client, cast: Cast) -> None:
    said = discussion.comment(FLIGHTS, cast.ada)
    Comment.objects.update(created_at=timezone.now() - timedelta(days=2))
    answer = ada.post(f"/discussion/comments/{said.pk}/edit/", {"body": "New", "version": "1"})
    assert answer.status_code == 422
    assert Comment.objects.get().body == "Is it complete?"


def test_deleted_it_keeps_its_place_and_comes_back(ada: Client, ben: Client, cast: Cast) -> None:
    said = discussion.comment(FLIGHTS, cast.ada, "Wrong words")
    url = f"/discussion/comments/{said.pk}/"
    assert ben.post(f"{url}delete/").status_code == 403
    answer = ada.post(f"{url}delete/", headers=HTMX).content.decode()
    assert "Deleted by Ada Yoon" in answer
    assert "Wrong words" not in text(ben)
    assert "Undo" not in text(ben)
    assert ben.post(f"{url}restore/").status_code == 403
    ada.post(f"{url}restore/")
    assert "Wrong words" in text(ben)


def test_a_lead_deletes_what_others_wrote(client: Client, cast: Cast, flights: None) -> None:
    said = discussion.comment(FLIGHTS, cast.ada)
    client.force_login(cast.cleo)
    client.post(f"/discussion/comments/{said.pk}/delete/")
    assert Comment.objects.get().deleted_by == cast.cleo


def test_watching_is_joined_and_left(ada: Client) -> None:
    assert "Watching" in ada.post(f"{URL}watch/", headers=HTMX).content.decode()
    assert Watch.objects.count() == 1
    ada.post(f"{URL}watch/")
    ada.post(f"{URL}unwatch/")
    assert Watch.objects.count() == 0


def test_only_those_who_see_it_are_suggested(ben: Client, cast: Cast) -> None:
    catalog.dataset("hidden", team=Team.objects.get(key="data"), visibility="team")
    assert "Finn Oh" in text(ben, f"{URL}people/?q=fi")
    assert "Finn Oh" not in text(ben, "/discussion/dataset/hidden/people/?q=fi")
    assert "Eun Park" in text(ben, "/discussion/dataset/hidden/people/?q=park")


def test_a_file_comes_with_the_form(ada: Client, ben: Client) -> None:
    files = [SimpleUploadedFile("a.csv", b"a,b\n1,2\n"), SimpleUploadedFile("c.png", discussion.PNG)]
    ada.post(URL, {"body": "", "files": files})
    page = text(ben)
    assert "a.csv" in page
    assert page.count('<img src="/discussion/attachments/') == 1
    kept = Attachment.objects.get(name="a.csv")
    assert ben.get(kept.url).getvalue() == b"a,b\n1,2\n"


def test_a_foreign_upload_is_not_attached(ada: Client, ben: Client, cast: Cast) -> None:
    """A04: neither somebody else's waiting file nor one that another comment has."""
    foreign = discussion.attachment(cast.ben)
    assert ada.get(foreign.url).status_code == 404
    answer = ada.post(URL, {"body": "mine?", "upload": str(foreign.pk)})
    assert answer.status_code == 422
    assert not Comment.objects.exists()
    assert Attachment.objects.get().comment is None


def test_a_file_beyond_the_limit_is_refused_by_name(ada: Client, settings) -> None:
    settings.ATTACHMENT_MB = 1
    large = SimpleUploadedFile("large.csv", b"x" * 1_100_000)
    answer = ada.post(URL, {"body": "see", "files": large})
    assert answer.status_code == 422
    assert "large.csv is larger than 1 MB." in answer.content.decode()
    assert "see</textarea>" in answer.content.decode()
    assert not Attachment.objects.exists()


def test_one_day_has_a_limit(ada: Client, cast: Cast, settings) -> None:
    settings.ATTACHMENTS_A_DAY_MB = 1
    discussion.attachment(cast.ada, b"x" * 1_000_000)
    answer = ada.post(f"{URL}files/", {"file": SimpleUploadedFile("b", b"x" * 100_000)})
    assert answer.status_code == 422
    assert "one day allows" in answer.content.decode()


def test_own_files_are_removed(ada: Client, ben: Client, cast: Cast) -> None:
    said = discussion.comment(FLIGHTS, cast.ada)
    kept = discussion.attachment(cast.ada, comment=said)
    assert ben.post(f"{kept.url}remove/").status_code == 403
    ada.post(f"{kept.url}remove/")
    assert not Attachment.objects.exists()


def test_a_long_thread_shows_its_end_and_leads_back(ada: Client, cast: Cast) -> None:
    Comment.objects.bulk_create(
        Comment(about_kind="dataset", about_key="flights", author=cast.ada, body=f"word-{number}-")
        for number in range(70)
    )
    page = text(ada)
    assert "word-69-" in page
    assert "word-39-" not in page
    first = Comment.objects.get(body="word-40-").pk
    assert f"{URL}?before={first}" in page
    part = text(ada, f"{URL}?before={first}", headers=HTMX)
    assert "word-39-" in part
    assert "word-10-" in part
    assert "word-40-" not in part
    assert "<html" not in part


def test_a_thread_takes_the_same_queries_however_long(
    ada: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def say(number: int) -> None:
        for _ in range(number):
            said = discussion.comment(FLIGHTS, cast.ben, "See #1, @Ada Yoon")
            discussion.attachment(cast.ben, comment=said)

    say(1)
    text(ada)
    with django_assert_num_queries(11):
        text(ada)
    say(15)
    with django_assert_num_queries(11):
        text(ada)


@pytest.mark.parametrize("kind", ["dataset", "metric", "job", "run"])
def test_the_things_lead_to_their_discussion(ada: Client, cast: Cast, kind: str) -> None:
    catalog.metric("on_time", points=[("2013-01-01", 0.7)])
    run = make_run(make_job("load"))
    things = {
        "dataset": ("/catalog/datasets/flights/", "flights"),
        "metric": ("/catalog/metrics/on_time/", "on_time"),
        "job": ("/jobs/load/", "load"),
        "run": (f"/runs/{run.number}/", str(run.pk)),
    }
    url, key = things[kind]
    discussion.comment((kind, key), cast.ben, internal=True)
    discussion.comment((kind, key), cast.ben)
    page = text(ada, url)
    assert f'hx-get="/discussion/{kind}/{key}/" hx-trigger="revealed"' in page
    assert '<span class="count">1</span><a class="end link small" href="/discussion/' in page
    part = text(ada, f"/discussion/{kind}/{key}/", headers=HTMX)
    assert part.lstrip().startswith('<section class="card discussion"')


def test_a_preview_shows_what_will_be_sent(ada: Client) -> None:
    answer = ada.post("/discussion/preview/", {"body": "**hi** @Ben Cho <b>"}).content.decode()
    assert "<strong>hi</strong> <mark>@Ben Cho</mark> &lt;b&gt;" in answer
