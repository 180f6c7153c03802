import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.choices import QUERY_JOB, RunState
from jobs.models import Run
from tests.conftest import Cast
from tests.factories.jobs import DAY_PARAMETERS, make_job, make_run, make_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def text(client: Client, path: str = "/jobs/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_visitor_is_sent_to_the_sign_in(client: Client, db: None) -> None:
    response = client.get("/jobs/")
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")


def test_it_rejects_post(dan: Client) -> None:
    assert dan.post("/jobs/").status_code == 405


def test_an_empty_list_says_what_to_do(dan: Client) -> None:
    page = text(dan)
    assert "No jobs yet" in page
    assert "A job is made here" in page
    assert 'href="/jobs/new/"' in page


def test_a_job_shows_its_last_run_and_the_next_start(dan: Client, cast: Cast) -> None:
    job = make_job(owner=cast.eun)
    make_run(job, RunState.FAILED, ago=7200)
    last = make_run(job, RunState.SUCCEEDED, ago=3600, took=12)
    make_schedule(job)
    page = text(dan)
    assert f'href="/runs/{last.number}/"' in page
    assert "Succeeded" in page
    assert "Eun Park" in page
    assert "in 5" in page
    assert "1 of the last 2 runs succeeded, 1 failed" in page


def test_a_paused_schedule_is_told(dan: Client) -> None:
    make_schedule(make_job(), enabled=False, next_slot=None)
    assert "paused" in text(dan)


def test_a_follower_names_the_job_before_it(client: Client, cast: Cast) -> None:
    job = make_job("report")
    job.after.add(make_job("payroll", name_en="Payroll", private=True, owner=cast.cleo))
    for who, seen in (("cleo", True), ("ada", False)):
        client.force_login(getattr(cast, who))
        assert ("after Payroll" in text(client)) is seen


def test_private_jobs_are_seen_by_their_team_and_owner_only(client: Client, cast: Cast) -> None:
    marketing = cast.ada.teams.get(key="marketing")
    make_job("open-job", name_en="Open to all")
    make_job("team-job", name_en="For Marketing", private=True, team=marketing)
    make_job("own-job", name_en="For Finn", private=True, owner=cast.finn)
    seen = {}
    for who in ("ada", "ben", "finn", "dan"):
        client.force_login(getattr(cast, who))
        page = text(client)
        seen[who] = [name for name in ("Open to all", "For Marketing", "For Finn") if name in page]
    assert seen == {
        "ada": ["Open to all", "For Marketing"],
        "ben": ["Open to all", "For Marketing"],
        "finn": ["Open to all", "For Finn"],
        "dan": ["Open to all", "For Marketing", "For Finn"],
    }


def test_hidden_jobs_run_and_fail_unseen(client: Client, cast: Cast) -> None:
    job = make_job(name_en="Payroll", private=True, owner=cast.cleo)
    make_run(job, RunState.FAILED, ago=100)
    make_run(job, RunState.RUNNING)
    client.force_login(cast.ada)
    assert "Payroll" not in text(client)


@pytest.mark.parametrize(
    ("sought", "found"), [("100%25", "whole"), ("a_b", "a_b"), ("c%5Cd", "c-d"), ("ÉTÉ", "e")]
)
def test_words_are_sought_as_they_are_written(dan: Client, sought: str, found: str) -> None:
    names = {"whole": "100% of it", "part": "1000 of it", "a_b": "a_b", "axb": "axb"}
    for key, name in {**names, "c-d": "c\\d", "cd": "cd", "e": "été"}.items():
        make_job(key, name_en=name)
    rows = dan.get(f"/jobs/?q={sought}").context["rows"]
    assert [row.job.key for row in rows] == [found]


def test_the_filters_stand_in_the_address(dan: Client, cast: Cast) -> None:
    good, bad = make_job("good", name_en="All well", owner=cast.dan), make_job("bad", name_en="In trouble")
    make_run(good)
    make_run(bad, RunState.SUCCEEDED, ago=7200)
    make_run(bad, RunState.FAILED, ago=3600)
    rows = {
        "/jobs/?state=unhappy": ("bad",),
        "/jobs/?state=succeeded": ("good",),
        "/jobs/?q=well": ("good",),
        "/jobs/?q=in+TROUBLE": ("bad",),
        f"/jobs/?owner={cast.dan.pk}": ("good",),
        "/jobs/?kind=python": ("bad", "good"),
        "/jobs/?kind=metric_refresh": (),
        "/jobs/?state=nonsense&kind=python": ("bad", "good"),
    }
    for path, keys in rows.items():
        page = text(dan, path)
        listed = tuple(key for key in ("bad", "good") if f'<a class="main-link" href="/jobs/{key}/">' in page)
        assert listed == keys, path


def test_a_search_without_hits_offers_the_way_back(dan: Client) -> None:
    make_job()
    assert "No job matches" in text(dan, "/jobs/?q=zzz")


def test_what_fails_and_what_runs_stands_above(dan: Client) -> None:
    broken, healed, running = make_job("broken"), make_job("healed"), make_job("running")
    make_run(broken, RunState.FAILED, ago=100)
    make_run(broken, RunState.CANCELLED, ago=50)
    make_run(healed, RunState.FAILED, ago=100)
    make_run(healed, RunState.SUCCEEDED, ago=50)
    make_run(running, RunState.RUNNING, ago=5)
    context = dan.get("/jobs/").context
    assert [run.job.key for run in context["broken"]] == ["broken"]
    assert [run.job.key for run in context["running"]] == ["running"]


def test_who_may_not_run_sees_no_button(client: Client, cast: Cast) -> None:
    make_job()
    client.force_login(cast.ada)
    assert "Run now" not in text(client)
    client.force_login(cast.ben)
    assert "Run now" in text(client)


def test_a_job_with_parameters_is_asked_for_them_first(dan: Client) -> None:
    make_job("asks", parameters_schema=DAY_PARAMETERS)
    make_job("simple")
    page = text(dan)
    assert 'href="/jobs/asks/run/"' in page
    assert 'action="/jobs/simple/run/"' in page


def test_the_list_pages_by_key(dan: Client) -> None:
    for number in range(30):
        make_job(f"job-{number:02}")
    first = dan.get("/jobs/").context["page"]
    assert [len(first.items), first.items[0].key] == [25, "job-00"]
    second = dan.get(f"/jobs/?cursor={first.next_cursor}").context["page"]
    assert [job.key for job in second.items] == [f"job-{number}" for number in range(25, 30)]
    assert dan.get("/jobs/?cursor=nonsense").status_code == 400


def test_it_reads_in_korean(dan: Client) -> None:
    make_job(name_ko="항공편 적재")
    dan.cookies["desk-language"] = "ko"
    assert "항공편 적재" in text(dan)


def test_more_jobs_and_runs_take_no_more_queries(
    dan: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def add(number: int) -> None:
        job = make_job(f"job-{number}", owner=cast.dan)
        make_schedule(job)
        for state in (RunState.FAILED, RunState.SUCCEEDED, RunState.RUNNING):
            make_run(job, state, by=cast.dan)

    add(0)
    dan.get("/jobs/")
    for number in range(1, 12):
        add(number)
    with django_assert_num_queries(11) as asked:
        dan.get("/jobs/")
    assert '"jobs_job"."config"' not in str(asked.captured_queries), (
        "no line shows it, and each would be parsed"
    )


def test_more_failing_jobs_than_fit_are_counted_so_and_one_click_away(dan: Client) -> None:
    for number in range(6):
        make_run(make_job(key=f"failing-{number}"), RunState.FAILED, ago=60 * number)
    page = text(dan)
    assert '<span class="count">5+</span>' in page
    assert 'href="?state=unhappy"' in page
    assert text(dan, "/jobs/?state=unhappy").count('class="main-link" href="/jobs/failing-') == 6


def test_a_drawing_that_is_kept_speaks_the_readers_language_and_follows_what_goes_on(dan: Client) -> None:
    job = make_job()
    last = make_run(job, RunState.SUCCEEDED, ago=600, took=75)
    assert f"Run {last.number}: Succeeded, 1\u00a0min 15\u00a0s" in text(dan)
    korean = dan.get("/jobs/", headers={"Accept-Language": "ko"}).content.decode()
    assert "1분 15초" in korean
    assert f"Run {last.number}" not in korean
    running = make_run(job, RunState.RUNNING, ago=90)
    assert f"Run {running.number}: Running, 1\u00a0min" in text(dan)
    Run.objects.filter(pk=running.pk).update(started_at=timezone.now() - dt.timedelta(hours=2))
    assert f"Run {running.number}: Running, 2\u00a0h" in text(dan)


def test_jobs_behind_other_pages_are_left_out_until_asked_for(client: Client, cast: Cast) -> None:
    make_job("load-flights")
    make_job(QUERY_JOB, kind="query")
    make_job("verify-evidence", kind="verify")
    rows = {
        ("dan", "/jobs/"): ["load-flights"],
        ("dan", "/jobs/?q=i"): ["load-flights"],
        ("dan", "/jobs/?kind=verify"): ["verify-evidence"],
        ("dan", "/jobs/?kind=query"): ["query"],
        ("ada", "/jobs/?kind=verify"): [],
    }
    for (who, path), keys in rows.items():
        client.force_login(getattr(cast, who))
        page = text(client, path)
        assert re.findall(r'class="main-link" href="/jobs/([\w-]+)/"', page) == keys, (who, path)
    client.force_login(cast.dan)
    assert "Run now" not in text(client, "/jobs/?kind=verify")
    assert "Run now" not in text(client, "/jobs/verify-evidence/")


def test_a_narrow_list_names_both_times_under_the_job(dan: Client) -> None:
    job = make_job()
    make_run(job, ago=7200)
    make_schedule(job)
    line = text(dan).partition('class="only-s times"')[2].partition("</th>")[0]
    assert "next start: <time" in line
    assert line.count("<time") == 2


class TestLive:
    def test_it_asks_again_sooner_while_something_is_open(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        assert 'hx-trigger="every 3s"' in text(dan)
        Run.objects.filter(pk=run.pk).update(
            state=RunState.SUCCEEDED, lease_until=None, finished_at=timezone.now()
        )
        assert 'hx-trigger="every 15s"' in text(dan)

    def test_it_hears_of_a_run_that_somebody_else_starts(self, dan: Client) -> None:
        job = make_job()
        seen = dan.get("/jobs/").context["live"]
        assert dan.get(seen, headers={"HX-Request": "true"}).status_code == 204
        make_run(job, RunState.RUNNING)
        assert 'hx-trigger="every 3s"' in dan.get(seen, headers={"HX-Request": "true"}).content.decode()

    def test_the_answer_comes_once_something_has_moved(self, dan: Client) -> None:
        run = make_run(make_job("going"), RunState.RUNNING)
        seen = dan.get("/jobs/?q=going").context["live"]
        assert seen.startswith("/jobs/?q=going&seen=")
        assert dan.get(seen, headers={"HX-Request": "true"}).status_code == 204
        assert dan.get(seen).status_code == 200
        Run.objects.filter(pk=run.pk).update(
            state=RunState.SUCCEEDED, lease_until=None, finished_at=timezone.now()
        )
        answer = dan.get(seen, headers={"HX-Request": "true"})
        assert "HX-Request" in answer["Vary"]
        part = answer.content.decode()
        assert "<html" not in part
        assert "Filter jobs" not in part
        assert 'id="jobs-list" hx-swap-oob="true"' in part
        assert "Nothing runs at the moment" in part
        assert 'hx-trigger="every 15s"' in part
