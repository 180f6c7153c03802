"""/audit/: who did what, newest first."""

import datetime as dt
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from jobs.choices import RunState
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor, record
from portal.audit.models import AuditEvent, AuditSeal
from portal.audit.sealing import seal_events
from portal.audit.wording import GROUPS, SENTENCES
from portal.dashboard.trail import pages_of
from requests_app.transitions import TRANSITIONS
from tests.conftest import Cast
from tests.factories.jobs import make_job, make_run

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
CLOCK = Actor.system("clock")


@pytest.fixture
def cleo(client: Client, cast: Cast) -> Client:
    client.force_login(cast.cleo)
    return client


def text(client: Client, language: str = "en", **query: str) -> str:
    response = client.get("/audit/", query, headers={"Accept-Language": language})
    assert response.status_code == 200
    return response.content.decode()


def listed(client: Client, **query: str) -> list[int]:
    return [row.event.pk for row in client.get("/audit/", query).context["rows"]]


def test_a_visitor_is_sent_to_the_sign_in(client: Client, cast: Cast) -> None:
    assert client.get("/audit/")["Location"].startswith("/account/login/")


def test_it_rejects_post(cleo: Client) -> None:
    assert cleo.post("/audit/").status_code == 405


def test_who_may_not_read_it_is_refused(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    assert client.get("/audit/").status_code == 403


def test_an_empty_trail_says_so(cleo: Client) -> None:
    assert "Nothing was recorded yet" in text(cleo)


def test_an_event_stands_in_words_in_both_languages(cleo: Client, cast: Cast) -> None:
    record("team.added", by=Actor.person(cast.cleo), about=("team", "ops", "Ops"), kind="data")
    page = text(cleo)
    assert f'<a class="actor" href="?actor=user%3A{cast.cleo.pk}">Cleo Han</a> added the team' in page
    assert "&quot;kind&quot;: &quot;data&quot;" in page
    korean = text(cleo, "ko")
    assert "added the team" not in korean
    assert "팀을 추가했어요" in korean


def test_every_action_of_the_code_has_a_sentence_and_a_group() -> None:
    apps = ("portal", "catalog", "jobs", "requests_app")
    code = [path.read_text() for app in apps for path in (ROOT / app).rglob("*.py")]
    recorded = {action for text in code for action in re.findall(r'\b_?record\(\s*"([\w.]+)"', text)}
    # The one frame of all steps of a question records each under its name in the table.
    assert any('record(f"question.{row.name}"' in text for text in code)
    # A draft is saved every few seconds: that is no event.
    recorded |= {f"question.{row.name}" for row in TRANSITIONS} - {"question.save_draft_answer"}
    # By the note's kind of comment: comment.added or comment.noted.
    recorded |= {"comment.added"}
    # One action switches a job either way.
    recorded |= {"job.switched_on", "job.switched_off"}
    assert len(recorded) > 20
    assert recorded == set(SENTENCES)
    assert {action.partition(".")[0] for action in SENTENCES} == set(GROUPS)


def test_an_unknown_action_is_shown_by_its_name(cleo: Client) -> None:
    record("board.painted", by=CLOCK, about=("board", "b1", "My board"))
    page = text(cleo)
    assert "<code>board.painted</code> <b>My board</b>" in page
    assert "Data Desk (clock)" in page


def test_a_seal_is_shown_with_its_hash(cleo: Client) -> None:
    record("demo.loaded", by=CLOCK)
    assert "not sealed yet" in text(cleo)
    seal_events()
    seal = AuditSeal.objects.get()
    page = text(cleo)
    assert "not sealed yet" not in page
    assert f"<code>{seal.hash[:8]}</code>" in page
    assert seal.hash in page


def test_things_that_have_a_page_are_linked_and_others_are_not(cleo: Client, cast: Cast) -> None:
    job = make_job("load-weather")
    run = make_run(job, RunState.SUCCEEDED)
    team = cast.finn.teams.get()
    for kind, key in (
        ("job", job.key),
        ("run", str(run.number)),
        ("user", str(cast.ada.pk)),
        ("team", team.key),
        ("job", "gone"),
        ("run", "9" * 30),
        ("user", "x"),
        ("dataset", "gone"),
    ):
        record("thing.done", by=CLOCK, about=(kind, key, f"{kind} {key}"))
    page = text(cleo)
    for path in (
        "/jobs/load-weather/",
        f"/runs/{run.number}/",
        f"/people/{cast.ada.pk}/",
        f"/people/teams/{team.key}/",
    ):
        assert f'<a class="link" href="{path}">' in page
    assert page.count('<a class="link"') == 4
    assert "<b>job gone</b>" in page


def test_a_link_is_made_only_to_what_the_reader_may_see(cast: Cast) -> None:
    job = make_job("payroll", private=True, owner=cast.cleo)
    things = {("job", job.key), ("user", str(cast.ada.pk))}
    assert set(pages_of(things, cast.cleo)) == things
    assert not cast.ada.may(Permission.MANAGE_PEOPLE)
    assert pages_of(things, cast.ada) == {}


@pytest.fixture
def three(cast: Cast) -> dict[str, int]:
    """Three events of three kinds, actors and things."""
    return {
        "run": record("run.triggered", by=Actor.person(cast.dan), about=("run", "12", "load-flights")).pk,
        "job": record("job.registered", by=CLOCK, about=("job", "load-flights", "Load the flights")).pk,
        "token": record("token.created", by=Actor.person(cast.eun), about=("token", "3", "airflow")).pk,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["token", "job", "run"]),
        ({"kind": "run"}, ["run"]),
        ({"kind": "nonsense"}, ["token", "job", "run"]),
        ({"actor": "system:"}, ["job"]),
        ({"actor": "user:999999"}, []),
        ({"actor": "x"}, []),
        ({"q": "load-f"}, ["job", "run"]),
        ({"q": "LOAD"}, ["job", "run"]),
        ({"q": "#12"}, ["run"]),
        ({"q": "load", "kind": "job"}, ["job"]),
        ({"q": "%"}, []),
        ({"q": "a\x00"}, ["token", "job", "run"]),
        ({"since": "2000-01-01", "until": "9999-12-31"}, ["token", "job", "run"]),
        ({"until": "2000-01-01"}, []),
        ({"since": "0001-01-01"}, ["token", "job", "run"]),
        ({"since": "tomorrow"}, ["token", "job", "run"]),
    ],
)
def test_filters_choose(cleo: Client, three: dict[str, int], query: dict[str, str], found: list[str]) -> None:
    assert listed(cleo, **query) == [three[name] for name in found]


def test_one_actor_s_events_are_found_by_a_click(cleo: Client, cast: Cast, three: dict[str, int]) -> None:
    assert listed(cleo, actor=f"user:{cast.dan.pk}") == [three["run"]]


def test_a_day_is_the_reader_s_day(cleo: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.cleo.pk).update(time_zone="Asia/Seoul")
    # 20:00 in London is the next day in Seoul.
    at = dt.datetime(2026, 3, 1, 20, tzinfo=dt.UTC)
    event = AuditEvent.objects.create(at=at, action="a.b", actor_kind="system", actor_label="x")
    assert listed(cleo, since="2026-03-02", until="2026-03-02") == [event.pk]
    assert listed(cleo, until="2026-03-01") == []


def test_no_match_offers_all(cleo: Client, three: dict[str, int]) -> None:
    page = text(cleo, q="nothing like it")
    assert "No event matches" in page
    assert 'href="/audit/"' in page


def test_a_person_who_was_removed_can_still_be_chosen(cleo: Client) -> None:
    record("demo.loaded", by=Actor("token", "77", "airflow (Gone)"))
    page = text(cleo, actor="token:77")
    assert '<option value="token:77" selected>airflow (Gone)</option>' in page


def test_pages_follow_without_gaps_and_keep_the_filter(cleo: Client) -> None:
    record("job.registered", by=CLOCK)
    events = [record("run.triggered", by=CLOCK, about=("run", str(n), "x")).pk for n in range(120)]
    seen: list[int] = []
    query = {"kind": "run"}
    while True:
        page = cleo.get("/audit/", query)
        seen += [row.event.pk for row in page.context["rows"]]
        cursor = page.context["page"].next_cursor
        if not cursor:
            break
        assert f"?kind=run&amp;cursor={cursor}" in page.content.decode()
        query["cursor"] = cursor
    assert seen == events[::-1]


def test_a_forged_cursor_is_a_bad_request(cleo: Client, three: dict[str, int]) -> None:
    assert cleo.get("/audit/?cursor=xyz").status_code == 400


def test_it_takes_the_same_queries_for_many_events(
    cleo: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job()
    for number in range(10):
        run = make_run(job, RunState.SUCCEEDED, ago=number)
        for thing in (("job", job.key), ("run", str(run.number)), ("user", str(cast.ada.pk)), ("team", "x")):
            record("thing.done", by=CLOCK, about=(*thing, ""))
    record("metric.refreshed", by=CLOCK, about=("metric", "m", ""))
    seal_events()
    cleo.get("/audit/")
    # Session, person, events, seals, jobs, runs, assets, people, teams, actors.
    with django_assert_num_queries(10):
        assert len(listed(cleo)) == 41


@pytest.fixture
def long_trail(cast: Cast) -> None:
    """Events enough that the planner weighs the indexes by what they spare, not by chance."""
    actors = [Actor.person(person) for person in (cast.dan, cast.eun)] + [CLOCK] * 20
    start = dt.datetime(2025, 12, 1, tzinfo=dt.UTC)
    AuditEvent.objects.bulk_create(
        AuditEvent(
            at=start + dt.timedelta(hours=3 * number),
            actor_kind=actors[number % len(actors)].kind,
            actor_id=actors[number % len(actors)].id,
            action=f"{sorted(GROUPS)[number % len(GROUPS)]}.done",
            object_kind="job",
            object_id=str(number),
        )
        for number in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_auditevent")


def plan_of(query: dict[str, str], client: Client) -> str:
    """Return the plan of the page's own query for events."""
    with CaptureQueriesContext(connection) as queries:
        client.get(f"/audit/?{urlencode(query)}")
    asked = next(each["sql"] for each in queries if 'FROM "audit_auditevent"' in each["sql"])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + asked)
        return json.dumps(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "audit_newest"),
        ({"kind": "run"}, "audit_group"),
        ({"actor": "user:3"}, "audit_actor"),
        ({"since": "2026-01-01", "until": "2026-02-01"}, "audit_newest"),
    ],
)
def test_each_filter_has_its_index(cleo: Client, long_trail: None, query: dict[str, str], index: str) -> None:
    assert index in plan_of(query, cleo)
