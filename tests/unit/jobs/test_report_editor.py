"""Reports are written in the portal: made by analysts, arranged, and previewed by workers."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from catalog.choices import Visibility
from jobs.choices import QUERY_JOB, RunState, Source
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.models import Job, Run
from portal.accounts.permissions import Permission
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_job, make_version
from tests.lake import Lake

pytestmark = pytest.mark.django_db
NEW, PREVIEW = "/reports/new/", "/reports/new/preview/"
FORM: dict[str, Any] = {
    "name_en": "Trips by month",
    "name_ko": "월별 운행",
    "enabled": "on",
    "pool": "default",
    "priority": "0",
    "max_active_runs": "1",
    "on_conflict": "queue",
    "timeout": "10 min",
    "max_attempts": "3",
    "backoff": "10",
    "backoff_cap": "10 min",
    "rhythm": "",
    "parameters.asks:choice": "built",
    "parameters.asks.built.rows:list": "1",
    "parameters.asks.built.rows.0.name": "least",
    "parameters.asks.built.rows.0.type": "integer",
    "parameters.asks.built.rows.0.default": "20",
    "config.sections:list": "2",
    "config.sections.0:choice": "text",
    "config.sections.0.text.title_en": "Words",
    "config.sections.0.text.text_en": "All **trips**.",
    "config.sections.1:choice": "query",
    "config.sections.1.query.title_en": "Trips",
    "config.sections.1.query.sql": "SELECT day, trips FROM ops.trips WHERE trips >= $least ORDER BY day",
    "config.sections.1.query.columns:list": "0",
}
SQL = "config.sections.1.query.sql"


@pytest.fixture
def trips(lake: Lake, cast: Cast) -> Any:
    sql = "SELECT make_date(2013, m::INT, 1) AS day, m * 10 AS trips, 'x' AS phone FROM range(1, 4) AS r(m)"
    snapshot = lake.publish("ops.trips", sql, run_id="run-1")
    columns = (
        {"name": "day", "data_type": "DATE"},
        {"name": "trips", "data_type": "BIGINT"},
        {"name": "phone", "data_type": "VARCHAR", "personal": True},
    )
    return catalog.dataset(
        "trips", columns=columns, table={"physical_name": "ops.trips", "snapshot": snapshot}
    )


@pytest.fixture
def ben(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ben)
    make_job("any").delete()
    return client


def previewed(client: Client, once: str, **changes: Any) -> str:
    response = client.post(PREVIEW, {**FORM, "once": once, **changes})
    assert response.status_code == 200
    return response.content.decode()


def answer_all() -> None:
    while (held := claim("tests")) is not None:
        run_inline(held)


def test_an_analyst_makes_a_report_of_their_own(ben: Client, cast: Cast, trips: Any) -> None:
    assert not cast.ben.may(Permission.EDIT_JOBS)
    sent = {**FORM, "rhythm": "weekly", "private": "on", "owner": cast.dan.email, "editors": cast.ada.email}
    response = ben.post(NEW, sent)
    assert response.status_code == 302, response.context["form"].errors
    assert response["Location"] == "/reports/trips-by-month/"
    job = Job.objects.get(key="trips-by-month")
    assert (job.owner, job.private, list(job.editors.all())) == (cast.ben, True, [cast.ben])
    assert job.config["title_ko"] == "월별 운행"
    assert job.parameters_schema["properties"]["least"]["default"] == 20
    assert [(each.cron, each.zone) for each in job.schedules.all()] == [("0 8 * * 1", cast.ben.time_zone)]
    # They go on writing it, and nobody else of the team does by that.
    assert ben.get("/reports/trips-by-month/edit/").status_code == 200
    ben.force_login(cast.eun)
    assert ben.get("/reports/trips-by-month/edit/").status_code == 404


def test_a_second_one_of_the_same_name_gets_a_key_of_its_own(ben: Client, trips: Any) -> None:
    for _ in range(2):
        assert ben.post(NEW, FORM).status_code == 302
    assert set(Job.objects.filter(kind="report").values_list("key", flat=True)) == {
        "trips-by-month",
        "trips-by-month-2",
    }


def test_a_report_whose_parameter_has_no_default_comes_without_its_schedule(ben: Client, trips: Any) -> None:
    row = "parameters.asks.built.rows.0"
    sent = {**FORM, "rhythm": "monthly", f"{row}.default": "", f"{row}.required": "on"}
    page = ben.post(NEW, sent, follow=True).content.decode()
    assert "It has no schedule yet" in page
    assert not Job.objects.get(kind="report").schedules.exists()


def test_business_staff_writes_no_reports(client: Client, cast: Cast) -> None:
    client.force_login(cast.ada)
    assert client.get(NEW).status_code == 403
    assert client.post(PREVIEW, FORM).status_code == 403
    assert NEW not in client.get("/reports/").content.decode()


def test_what_the_linter_refuses_is_said_with_its_place(ben: Client, trips: Any) -> None:
    sent = {**FORM, SQL: "SELECT day,\n  phone FROM ops.trips"}
    response = ben.post(NEW, sent)
    assert response.status_code == 422
    assert "Line 2, column 3" in str(response.context["form"].config.errors[SQL])
    assert not Job.objects.filter(kind="report").exists()
    shown = previewed(ben, str(uuid4()), **{SQL: sent[SQL]})
    assert "Line 2, column 3" in shown
    assert not Run.objects.filter(job__key=QUERY_JOB).exists()


def test_people_and_teams_are_picked_and_who_is_unknown_is_named(ben: Client, cast: Cast, trips: Any) -> None:
    page = ben.get(NEW).content.decode()
    assert f'name="config.people" value="{cast.ada.email}"' in page
    assert 'name="config.teams" value="data"' in page
    wrong = {"config.people": [cast.ada.email, "ghost@example.com"], "config.teams": ["no-team"]}
    page = ben.post(NEW, {**FORM, **wrong}).content.decode()
    assert "ghost@example.com" in page
    assert "no-team" in page
    assert not Job.objects.filter(kind="report").exists()
    right = {"config.people": [cast.ada.email], "config.teams": ["data"]}
    assert ben.post(NEW, {**FORM, **right}).status_code == 302
    config = Job.objects.get(kind="report").config
    assert (config["people"], config["teams"]) == ([cast.ada.email], ["data"])


def test_sections_change_places(ben: Client) -> None:
    response = ben.post(NEW, {**FORM, "do": "up config.sections 1"})
    assert response.status_code == 200
    page = response.content.decode()
    assert re.search(r'name="config.sections.0:choice" value="query" checked', page)
    assert "SELECT day, trips" in response.context["form"].config["config.sections.0.query.sql"].value()
    assert response.context["form"].config["config.sections.1.text.title_en"].value() == "Words"


@pytest.mark.parametrize("word", ["up config.sections 0", "down config.sections 1", "up config.sections 9"])
def test_an_end_of_the_list_goes_no_further(ben: Client, word: str) -> None:
    page = ben.post(NEW, {**FORM, "do": word}).content.decode()
    assert re.search(r'name="config.sections.0:choice" value="text" checked', page)


def test_what_is_made_of_the_name_is_made_when_it_is_saved(ben: Client) -> None:
    unnamed = {**FORM, "key": "", "config.title_en": ""}
    page = ben.post(NEW, {**unnamed, "name_en": "Zed", "do": "add config.sections"})
    assert page.context["form"].common["key"].value() == ""
    assert page.context["form"].config["config.title_en"].value() == ""


def test_only_metrics_that_the_writer_sees_are_offered(ben: Client, cast: Cast) -> None:
    catalog.metric("open_rate")
    hidden = catalog.metric("hidden_rate").asset
    hidden.visibility, hidden.team = Visibility.TEAM, cast.finn.teams.get()
    hidden.save()
    page = ben.post(NEW, {**FORM, "do": "add config.sections"}).content.decode()
    assert "open_rate" in page
    assert "hidden_rate" not in page


class TestPreview:
    def test_a_text_is_shown_at_once_and_a_query_by_a_worker(self, ben: Client, trips: Any) -> None:
        once = str(uuid4())
        page = previewed(ben, once)
        assert "<strong>trips</strong>" in page
        assert "Waiting for a worker" in page
        assert "load delay:1s" in page
        answer_all()
        page = previewed(ben, once)
        assert "2 rows" in page
        assert "load delay" not in page
        assert Run.objects.filter(job__key=QUERY_JOB).count() == 1

    def test_what_is_written_anew_stops_what_was_asked_before(self, ben: Client, trips: Any) -> None:
        once, other = str(uuid4()), str(uuid4())
        previewed(ben, other)
        previewed(ben, once)
        previewed(ben, once, **{SQL: "SELECT max(trips) AS most FROM ops.trips"})
        states = Run.objects.filter(job__key=QUERY_JOB).order_by("number").values_list("state", flat=True)
        assert list(states) == [RunState.QUEUED, RunState.CANCELLED, RunState.QUEUED]
        # What was stopped is asked for again when it is wanted again.
        assert "Waiting for a worker" in previewed(ben, once)

    def test_chosen_columns_stand_in_it_as_in_an_edition(self, ben: Client, trips: Any) -> None:
        once, columns = str(uuid4()), "config.sections.1.query.columns"
        chosen = {f"{columns}:list": "1", f"{columns}.0.name": "trips", f"{columns}.0.title_en": "Rides"}
        previewed(ben, once, **chosen)
        answer_all()
        page = previewed(ben, once, **chosen)
        assert "Rides" in page
        assert "2013-03-01" not in page
        assert "does not stand in the result" in previewed(ben, once, **{**chosen, f"{columns}.0.name": "no"})

    def test_more_queries_than_one_person_may_have_open_wait(self, ben: Client, trips: Any) -> None:
        many = {"config.sections:list": "8"}
        for place in range(1, 8):
            head = f"config.sections.{place}"
            many |= {f"{head}:choice": "query", f"{head}.query.title_en": f"Q{place}"}
            many[f"{head}.query.sql"] = "SELECT $n AS n FROM ops.trips"
            many[f"{head}.query.parameters"] = f'{{"n": {place}}}'
        page = previewed(ben, str(uuid4()), **many)
        assert page.count("Waiting for a worker") == 5
        assert page.count("Waiting for your other queries") == 2

    def test_what_is_not_whole_yet_says_what_it_lacks(self, ben: Client, trips: Any) -> None:
        row = "parameters.asks.built.rows.0"
        page = previewed(
            ben,
            "no uuid",
            **{f"{row}.default": "", "config.sections.0:choice": "", "config.sections:list": "2"},
        )
        assert "Choose what this section is." in page
        assert "Give $least a default" in page
        assert Run.objects.filter(job__key=QUERY_JOB).count() == 0

    def test_a_metric_shows_its_figure_to_those_who_see_it(self, ben: Client, cast: Cast) -> None:
        metric = catalog.metric("rate", points=[("2013-01-01", 0.7), ("2013-02-01", 0.8)])
        chosen = {
            "config.sections:list": "1",
            "config.sections.0:choice": "metric",
            "config.sections.0.metric.metric": "rate",
            "config.sections.0.metric.grain": "month",
        }
        assert "February 2013" in previewed(ben, str(uuid4()), **chosen)
        metric.asset.visibility, metric.asset.team = Visibility.TEAM, cast.finn.teams.get()
        metric.asset.save()
        assert "February 2013" not in previewed(ben, str(uuid4()), **chosen)

    def test_without_javascript_a_button_shows_it(self, ben: Client, trips: Any) -> None:
        page = ben.post(NEW, {**FORM, "do": "look"}).content.decode()
        assert "<strong>trips</strong>" in page
        assert not Job.objects.filter(kind="report").exists()


def test_a_report_is_changed_in_its_editor(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    section = {"kind": "text", "title_en": "Words", "text_en": "Old"}
    config = {"title_en": "Words", "sections": [section]}
    job = make_job("words", kind="report", config=config, owner=cast.dan, source=Source.PORTAL)
    make_version(job)
    sent = {name: value for name, value in FORM.items() if name not in {"enabled", "rhythm"}}
    sent |= {"config.sections:list": "1", "config.title_en": "Words", "version": job.version}
    response = client.post("/reports/words/edit/", sent)
    assert (response.status_code, response["Location"]) == (302, "/reports/words/")
    job.refresh_from_db()
    assert job.config["sections"][0]["text_en"] == "All **trips**."
    stale = client.post("/reports/words/edit/", {**sent, "version": 1, "name_en": "Mine"})
    assert stale.status_code == 409
    assert 'id="report-preview"' in stale.content.decode()


def test_among_the_kinds_of_jobs_a_report_leads_to_its_editor(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    assert client.get("/jobs/new/report/")["Location"] == NEW


def test_a_job_of_another_kind_has_no_report_editor(client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    make_job("load-weather")
    assert client.get("/reports/load-weather/edit/").status_code == 404


def test_its_alerts_are_asked_for_and_so_survive_an_edit(client: Client, cast: Cast, trips: Any) -> None:
    client.force_login(cast.ben)
    client.post(NEW, {**FORM, "once": str(uuid4()), "config.title_en": "Trips", "alert_failed": "on"})
    job = Job.objects.get(kind="report")
    page = client.get(f"/reports/{job.key}/edit/").content.decode()
    assert job.alert_failed
    assert re.search(r'name="alert_failed"[^>]* checked', page)
