import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.models import LineageEdge
from jobs.choices import Outcome, RunState
from jobs.models import Run, Worker
from jobs.models.run import RunQuerySet
from portal.audit.models import AuditEvent
from requests_app.choices import Visibility
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_attempt, make_job, make_log, make_run
from tests.factories.questions import make_question

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def text(client: Client, path: str, **kwargs) -> str:
    response = client.get(path, **kwargs)
    assert response.status_code == 200
    return response.content.decode()


def test_every_state_has_a_page(dan: Client, cast: Cast) -> None:
    job = make_job()
    for state in RunState:
        page = text(dan, f"/runs/{make_run(job, state, by=cast.dan).number}/")
        assert str(state.label) in page


def test_a_missing_and_an_invisible_run_are_the_same(client: Client, cast: Cast) -> None:
    run = make_run(make_job(private=True, owner=cast.dan))
    client.force_login(cast.finn)
    for path in ("", "log/", "log.txt"):
        hidden, missing = client.get(f"/runs/{run.number}/{path}"), client.get(f"/runs/{10**18}/{path}")
        assert (hidden.status_code, missing.status_code) == (404, 404)
    assert client.get(f"/runs/{2**70}/").status_code == 404


def test_it_says_what_a_running_run_does_now(dan: Client) -> None:
    job = make_job()
    for _ in range(3):
        make_run(job, took=12)
    now = timezone.now()
    steps = [
        {"key": "read", "started_at": (now - timedelta(seconds=5)).isoformat(), "ended_at": now.isoformat()},
        {"key": "stage", "started_at": now.isoformat(), "ended_at": None},
    ]
    run = make_run(
        job, RunState.RUNNING, ago=6, progress={"steps": steps, "fraction": 0.5, "note": "flights.csv"}
    )
    page = text(dan, f"/runs/{run.number}/")
    assert "stage: flights.csv" in page
    assert "usually 12" in page
    assert 'hx-trigger="every 1s"' in page
    assert "Cancel run" in page
    assert "Run again" not in page


def test_a_poll_gets_only_what_changes(dan: Client) -> None:
    run = make_run(make_job(), RunState.RUNNING)
    page = text(dan, f"/runs/{run.number}/?seen=running", headers=HTMX)
    assert page.lstrip().startswith('<div class="stack" id="run-live"')
    assert "hx-swap-oob" not in page
    assert "<html" not in page


def test_a_poll_after_the_end_brings_the_rest_and_asks_no_more(dan: Client) -> None:
    run = make_run(make_job(), RunState.SUCCEEDED)
    page = text(dan, f"/runs/{run.number}/?seen=running", headers=HTMX)
    assert page.count("hx-swap-oob") == 3
    assert "hx-trigger" not in page


def test_a_boosted_or_restored_request_gets_the_whole_page(dan: Client) -> None:
    run = make_run(make_job(), RunState.RUNNING)
    for extra in ({"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}):
        assert "<html" in text(dan, f"/runs/{run.number}/", headers={**HTMX, **extra})


def test_a_failure_says_whose_fault_it_is_and_what_to_do(dan: Client) -> None:
    run = make_run(make_job(), RunState.FAILED)
    page = text(dan, f"/runs/{run.number}/")
    assert "The input data is not as expected" in page
    assert "weather.csv line 412" in page
    assert "Mend the named place" in page
    assert f'href="/jobs/{run.job.key}/edit/"' in page
    assert "Another try would have ended the same way" in page


def test_only_who_may_edit_the_job_is_led_to_its_form(client: Client, cast: Cast) -> None:
    run = make_run(make_job(), RunState.FAILED)
    client.force_login(cast.ben)
    assert "/edit/" not in text(client, f"/runs/{run.number}/")


@pytest.mark.parametrize(("person", "shown"), [("dan", True), ("ben", True), ("ada", False), ("finn", False)])
def test_a45_the_traceback_is_for_who_runs_or_changes_the_job(
    client: Client, cast: Cast, person: str, shown: bool
) -> None:
    reader = getattr(cast, person)
    client.force_login(reader)
    error = {"class": "user_code", "message": "It broke.", "detail": "Traceback: SELECT secret FROM hidden"}
    run = make_run(make_job(), RunState.FAILED, error=error)
    page = client.get(f"/runs/{run.number}/").content.decode()
    assert "It broke." in page
    assert ("SELECT secret" in page) is shown
    run.requested_by = reader
    run.save()
    assert "SELECT secret" in client.get(f"/runs/{run.number}/").content.decode(), "who asked reads all of it"
    run.requested_by = None
    run.save()
    run.job.runners.add(reader)
    assert "SELECT secret" in client.get(f"/runs/{run.number}/").content.decode(), "whom the job names, too"


def test_a_failure_names_who_is_hurt_until_the_job_recovers(dan: Client, cast: Cast) -> None:
    job, follower = make_job(), make_job("report")
    follower.after.add(job)
    hidden = make_job("secret-report", private=True, owner=cast.finn, name_en="Payroll")
    hidden.after.add(job)
    LineageEdge.objects.create(
        upstream_kind="job",
        upstream_key=job.key,
        downstream_kind="job",
        downstream_key="further",
        source="run",
    )
    make_job("further", name_en="Further on")
    failed = make_run(job, RunState.FAILED, ago=100)
    page = text(dan, f"/runs/{failed.number}/")
    assert "Who is hurt" in page
    assert "Further on" in page
    make_run(job, RunState.SUCCEEDED, ago=10)
    assert "Who is hurt" not in text(dan, f"/runs/{failed.number}/")


def test_who_is_hurt_leaves_out_what_the_reader_may_not_know(client: Client, cast: Cast) -> None:
    job = make_job()
    hidden = make_job("payroll", private=True, owner=cast.cleo, name_en="Payroll")
    hidden.after.add(job)
    failed = make_run(job, RunState.FAILED)
    client.force_login(cast.ada)
    assert "Payroll" not in text(client, f"/runs/{failed.number}/")
    client.force_login(cast.cleo)
    assert "Payroll" in text(client, f"/runs/{failed.number}/")


def test_who_is_hurt_tells_what_waits_from_what_grows_old_and_the_open_questions(
    client: Client, cast: Cast
) -> None:
    job, follower = make_job(), make_job("next")
    follower.after.add(job)
    for number in range(20):
        catalog.dataset(f"t{number:02}", name_en=f"Table {number:02}")
        catalog.edge(("job", job.key), ("dataset", f"t{number:02}"))
    catalog.edge(("dataset", "t19"), ("job", "weekly"), source="definition")
    make_job("weekly", kind="report", name_en="Weekly figures")
    for title, visibility in (("How late?", Visibility.COMPANY), ("Whom to dismiss?", Visibility.PRIVATE)):
        make_question(cast.ada, title, visibility=visibility, links=[("dataset", "t19")])
    failed = make_run(job, RunState.FAILED)
    client.force_login(cast.finn)
    page = text(client, f"/runs/{failed.number}/").split('id="hurt-title"', 1)[1]
    card = page.split("</section>", 1)[0]
    shown = [re.sub("<[^>]+>", " ", row).split() for row in re.findall("<li>(.*?)</li>", card)]
    assert ["Next", "waits"] in shown
    assert ["Weekly", "figures", "not", "renewed"] in shown
    assert len(shown) == 22
    assert 0 < page.index("Table 11") < page.index("<details") < page.index("Table 12")
    assert "How late?" in page
    assert "Whom to dismiss?" not in page


def test_a_queued_run_says_why_it_waits(dan: Client) -> None:
    job = make_job()
    run = make_run(job, RunState.QUEUED)
    assert "no worker is running" in text(dan, f"/runs/{run.number}/")
    Worker.objects.create(name="worker-1", host="here", pid=1, slots=2)
    assert "Waiting for a worker" in text(dan, f"/runs/{run.number}/")
    make_run(job, RunState.RUNNING)
    assert "another run of this job" in text(dan, f"/runs/{run.number}/")
    Run.objects.filter(pk=run.pk).update(available_at=timezone.now() + timedelta(minutes=5), reason="retry")
    assert "Tries again" in text(dan, f"/runs/{run.number}/")


def test_attempts_are_listed_with_their_worker(dan: Client) -> None:
    run = make_run(make_job(), RunState.SUCCEEDED)
    make_attempt(run, 2, outcome=Outcome.LOST, worker="worker-9", finished_at=timezone.now())
    page = text(dan, f"/runs/{run.number}/")
    assert "worker-9" in page
    assert "Lost worker" in page


def test_a_cancelled_run_says_at_which_step_it_stopped(dan: Client) -> None:
    now = timezone.now().isoformat()
    steps = [{"key": "extract", "started_at": now, "ended_at": now}, {"key": "stage", "started_at": now}]
    run = make_run(make_job(), RunState.CANCELLED, progress={"steps": steps})
    assert text(dan, f"/runs/{run.number}/").count("stopped here") == 1


def test_what_it_published_is_named_only_where_it_is_visible(dan: Client) -> None:
    outputs = {"datasets": [{"key": "not-there", "row_count": 3, "snapshot": 7}]}
    run = make_run(make_job(), RunState.SUCCEEDED, outputs=outputs)
    page = text(dan, f"/runs/{run.number}/")
    assert "not-there" not in page
    assert "What it brought" not in page


def test_a_run_of_a_report_leads_to_its_edition(dan: Client) -> None:
    outputs = {"sections": [{"kind": "text"}, {"kind": "text"}], "incomplete": False, "untold": 0}
    run = make_run(make_job("weekly", kind="report"), RunState.SUCCEEDED, outputs=outputs)
    page = text(dan, f"/runs/{run.number}/")
    assert f'href="/reports/weekly/{run.number}/"' in page
    assert "2 sections" in page
    assert "untold" not in page


def test_what_it_counted_is_shown_where_it_published_nothing(dan: Client) -> None:
    run = make_run(make_job(), RunState.SUCCEEDED, outputs={"files_read": 1234, "sections": 3})
    page = text(dan, f"/runs/{run.number}/")
    assert "files read" in page
    assert "sections" in page
    assert "1,234" in page


def test_cancel_ends_a_queued_run_and_leaves_a_trace(dan: Client, cast: Cast) -> None:
    run = make_run(make_job(), RunState.QUEUED)
    response = dan.post(f"/runs/{run.number}/cancel/")
    assert response.status_code == 302
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    event = AuditEvent.objects.get(action="run.cancelled")
    assert event.actor_id == str(cast.dan.pk)


def test_a_run_that_was_asked_to_stop_says_by_whom(dan: Client) -> None:
    run = make_run(make_job(), RunState.RUNNING)
    dan.post(f"/runs/{run.number}/cancel/")
    page = text(dan, f"/runs/{run.number}/")
    assert "Stopping" in page
    assert "cancelled by Dan Seo" in page
    assert "Cancel run" not in page


def test_a_cancelled_run_says_who_cancelled_it(dan: Client) -> None:
    run = make_run(make_job(), RunState.CANCELLED, cancel_requested_by="Cleo Chun")
    page = dan.get(f"/runs/{run.number}/").content.decode()
    assert "cancelled by Cleo Chun" in page


def test_cancel_after_the_end_changes_nothing(dan: Client) -> None:
    run = make_run(make_job(), RunState.SUCCEEDED)
    page = dan.post(f"/runs/{run.number}/cancel/", follow=True).content.decode()
    assert "It had already ended." in page
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_a_cancel_that_missed_the_run_says_so(dan: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(make_job(), RunState.QUEUED)
    monkeypatch.setattr(RunQuerySet, "ended_by_word", lambda found, _job: found.none())
    page = dan.post(f"/runs/{run.number}/cancel/", follow=True).content.decode()
    assert "Cancel it again." in page
    assert "It stops within seconds." not in page


def test_run_again_repeats_the_parameters_once(dan: Client, cast: Cast) -> None:
    job = make_job(parameters_schema={"type": "object", "properties": {"day": {"type": "string"}}})
    run = make_run(job, RunState.FAILED, params={"day": "2013-02-28"})
    once = uuid4()
    first = dan.post(f"/runs/{run.number}/again/", {"once": once})
    second = dan.post(f"/runs/{run.number}/again/", {"once": once})
    assert first["Location"] == second["Location"]
    repeated = Run.objects.get(rerun_of=run)
    assert repeated.params == {"day": "2013-02-28"}
    assert repeated.requested_by == cast.dan


def test_run_again_takes_a_token_that_cannot_be_kept(dan: Client) -> None:
    run = make_run(make_job(), RunState.FAILED)
    answer = dan.post(f"/runs/{run.number}/again/", {"once": "a\0b"})
    assert answer["Location"] == f"/runs/{Run.objects.get(rerun_of=run).number}/"


@pytest.mark.parametrize("path", ["cancel", "again"])
def test_business_staff_see_but_do_not_act(client: Client, cast: Cast, path: str) -> None:
    run = make_run(make_job(), RunState.RUNNING)
    client.force_login(cast.ada)
    page = text(client, f"/runs/{run.number}/")
    assert "Cancel run" not in page
    assert client.post(f"/runs/{run.number}/{path}/").status_code == 403
    run.refresh_from_db()
    assert (run.state, run.cancel_requested_at, Run.objects.count()) == (RunState.RUNNING, None, 1)


@pytest.mark.parametrize("path", ["cancel", "again"])
def test_it_rejects_get_on_actions(dan: Client, path: str) -> None:
    run = make_run(make_job())
    assert dan.get(f"/runs/{run.number}/{path}/").status_code == 405


def test_it_reads_in_korean(dan: Client, cast: Cast) -> None:
    run = make_run(make_job(name_ko="시간별 날씨"))
    dan.cookies["desk-language"] = "ko"
    assert "시간별 날씨" in text(dan, f"/runs/{run.number}/")


def test_the_page_takes_the_same_queries_for_any_history(
    dan: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job()
    run = make_run(job)
    dan.get(f"/runs/{run.number}/")
    for _ in range(30):
        make_run(job)
    newest = make_run(job)
    make_log(newest, 500)
    with django_assert_num_queries(11):
        dan.get(f"/runs/{newest.number}/")


def test_a_run_and_the_one_it_started_lead_to_each_other(dan: Client, cast: Cast) -> None:
    first, then = make_job(), make_job("refresh-metrics")
    then.after.add(first)
    run = make_run(first)
    (follower,) = Run.objects.start_followers(run)
    assert f"Refresh metrics, run {follower.number}" in text(dan, f"/runs/{run.number}/")
    assert f"Load weather, run {run.number}" in text(dan, f"/runs/{follower.number}/")


def test_a_hidden_follower_is_not_named(client: Client, cast: Cast) -> None:
    client.force_login(cast.finn)
    first, then = make_job(), make_job("secret-refresh", private=True, owner=cast.dan)
    then.after.add(first)
    run = make_run(first)
    Run.objects.start_followers(run)
    assert "Secret refresh" not in text(client, f"/runs/{run.number}/")


class TestLog:
    def test_the_page_shows_the_end(self, dan: Client) -> None:
        run = make_run(make_job())
        make_log(run, 1000)
        page = text(dan, f"/runs/{run.number}/")
        assert "row batch 1000 staged" in page
        assert "row batch 700 staged" not in page
        assert "Earlier lines" in page

    def test_a_poll_brings_only_new_lines(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        make_log(run, 120)
        page = text(dan, f"/runs/{run.number}/log/?after=118&shown=118", headers=HTMX)
        assert "row batch 118 staged" not in page
        assert "row batch 119 staged" in page
        assert "after=120&amp;shown=120" in page

    def test_a_poll_without_news_is_empty(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        make_log(run, 5)
        assert dan.get(f"/runs/{run.number}/log/?after=5", headers=HTMX).status_code == 204

    def test_polling_stops_with_the_run(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.SUCCEEDED)
        make_log(run, 5)
        page = text(dan, f"/runs/{run.number}/log/?after=3", headers=HTMX)
        assert "row batch 5 staged" in page
        assert "every 1s" not in page

    def test_a_reader_who_fell_behind_gets_the_end_afresh(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        make_log(run, 5000)
        response = dan.get(f"/runs/{run.number}/log/?after=100&shown=100", headers=HTMX)
        assert response["HX-Retarget"] == "#log-lines"
        assert "row batch 5000 staged" in response.content.decode()
        assert "row batch 101 staged" not in response.content.decode()

    def test_a_reader_who_saw_more_than_there_is_gets_nothing_new(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.SUCCEEDED)
        page = text(dan, f"/runs/{run.number}/log/?after=5&shown=99999", headers=HTMX)
        assert "every 1s" not in page

    def test_it_can_be_searched_and_filtered_by_level(self, dan: Client) -> None:
        run = make_run(make_job())
        make_log(
            run, [("info", "reading A"), ("warn", "A is odd"), ("error", "B broke"), ("debug", "a detail")]
        )
        found = text(dan, f"/runs/{run.number}/log/?q=a&level=warn")
        assert "A is odd" in found
        assert "reading A" not in found
        assert "B broke" not in found
        assert "No line matches" in text(dan, f"/runs/{run.number}/log/?q=100%25")

    def test_it_can_be_paged_to_its_first_line(self, dan: Client) -> None:
        run = make_run(make_job())
        make_log(run, 2500)
        page = text(dan, f"/runs/{run.number}/log/")
        assert "row batch 1501 staged" in page
        assert "before=1501" in page
        page = text(dan, f"/runs/{run.number}/log/?before=1501")
        assert "row batch 501 staged" in page
        assert "row batch 1501 staged" not in page
        assert "after=1500" in page
        assert 'rel="prev"' not in text(dan, f"/runs/{run.number}/log/?before=501")

    def test_it_can_be_downloaded(self, dan: Client) -> None:
        run = make_run(make_job())
        make_log(run, [("info", "one"), ("warn", "둘")])
        response = dan.get(f"/runs/{run.number}/log.txt")
        lines = response.getvalue().decode().splitlines()
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        assert [line.split(" ", 1)[1] for line in lines] == ["info  one", "warn  둘"]

    def test_markup_in_a_line_stays_text(self, dan: Client) -> None:
        run = make_run(make_job())
        make_log(run, [("info", "<script>alert(1)</script>")])
        assert "<script>alert(1)" not in text(dan, f"/runs/{run.number}/")

    def test_a_hundred_thousand_lines_stay_fast(
        self, dan: Client, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        make_log(run, 100_000, piece=400)
        started = timezone.now()
        with django_assert_max_num_queries(40):
            text(dan, f"/runs/{run.number}/")
            text(dan, f"/runs/{run.number}/log/?after=99990", headers=HTMX)
            text(dan, f"/runs/{run.number}/log/?before=50000")
        assert timezone.now() - started < timedelta(seconds=2)


def test_a_run_that_waits_in_another_system_says_where_and_links_to_it(dan: Client) -> None:
    began = timezone.now().isoformat()
    fields: dict[str, Any] = {
        "looks": 3,
        "elsewhere": {"system": "Airflow", "id": "data-desk-x", "url": "https://airflow.example/dags/load"},
        "progress": {
            "steps": [{"key": "wait", "started_at": began, "ended_at": None}],
            "fraction": 0.5,
            "note": "1 of 2 tasks",
        },
    }
    job = make_job(kind="airflow_dag", config={})
    seen = {}
    # A look after it lasts a moment: the page shows the same.
    for state in (RunState.DEFERRED, RunState.RUNNING):
        run = make_run(job, state, ago=60, **fields)
        page = seen[state] = text(dan, f"/runs/{run.number}/")
        for part in (
            "Waits for Airflow: 1 of 2 tasks",
            "Waiting elsewhere",
            'href="https://airflow.example/dags/load"',
            "Open it in Airflow",
            'aria-current="step"',
            "Cancel run",
        ):
            assert part in page
        part = text(dan, f"/runs/{run.number}/?seen=deferred", headers=HTMX)
        assert "hx-swap-oob" not in part
    Run.objects.filter(pk=run.pk).update(cancel_requested_at=timezone.now())
    assert "Stopping" in text(dan, f"/runs/{run.number}/")
    unstopped = make_run(
        job, RunState.CANCELLED, error={"class": "elsewhere", "message": "may go on"}, **fields
    )
    assert "may go on" in text(dan, f"/runs/{unstopped.number}/")
