from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.models import LineageEdge
from jobs.choices import PEEK_JOB, PEEK_KIND, QUERY_JOB, QUERY_KIND, Condition, RunState, Trigger
from jobs.models import Alert, Run, Schedule
from portal.accounts.models import Team
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import DAY_PARAMETERS, make_job, make_run, make_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_new_job_says_that_it_never_ran(dan: Client) -> None:
    make_job()
    page = text(dan, "/jobs/load-weather/")
    assert "It never ran" in page
    assert "It has no schedule" in page
    assert "<span>Load weather</span></nav>" in page


def test_a_missing_and_an_invisible_job_are_the_same(client: Client, cast: Cast) -> None:
    make_job("hidden", private=True, owner=cast.dan)
    client.force_login(cast.finn)
    for path in ("", "run/"):
        assert client.get(f"/jobs/hidden/{path}").status_code == 404
        assert client.get(f"/jobs/missing/{path}").status_code == 404


def test_it_shows_how_long_the_runs_took(dan: Client) -> None:
    job = make_job()
    for took in (10, 12, 90):
        make_run(job, took=took)
    page = text(dan, f"/jobs/{job.key}/")
    assert "3 of the last 3 runs succeeded" in page
    assert "usually 12" in page
    assert "Show as a table" in page


def test_the_runs_can_be_filtered_by_state(dan: Client) -> None:
    job = make_job()
    good, bad = make_run(job), make_run(job, RunState.FAILED)
    other = make_run(make_job("other"), RunState.FAILED)
    page = dan.get(f"/jobs/{job.key}/?state=failed").context["page"]
    assert [run.number for run in page.items] == [bad.number]
    assert good.number != bad.number != other.number
    assert "No run in this state" in text(dan, f"/jobs/{job.key}/?state=lost")
    assert len(dan.get(f"/jobs/{job.key}/?state=nonsense").context["page"].items) == 2


def test_the_runs_page_by_key(dan: Client) -> None:
    job = make_job()
    runs = [make_run(job) for _ in range(30)]
    first = dan.get(f"/jobs/{job.key}/").context["page"]
    second = dan.get(f"/jobs/{job.key}/?cursor={first.next_cursor}").context["page"]
    shown = [run.pk for run in [*first.items, *second.items]]
    assert shown == [run.pk for run in reversed(runs)]


def test_what_hangs_on_it_is_linked(dan: Client) -> None:
    job, follower, before = (
        make_job(),
        make_job("follower", name_en="Follower"),
        make_job("before", name_en="Before"),
    )
    follower.after.add(job)
    job.after.add(before)
    edge = {"upstream_kind": "job", "upstream_key": job.key, "source": "run"}
    LineageEdge.objects.create(**edge, downstream_kind="dataset", downstream_key="unknown")
    page = text(dan, f"/jobs/{job.key}/")
    assert 'href="/jobs/follower/"' in page
    assert 'href="/jobs/before/"' in page
    assert "unknown" not in page


def test_what_hangs_on_it_says_how_and_the_rest_is_folded_away(dan: Client) -> None:
    job = make_job("refresh", kind="metric_refresh", config={"dataset": "flights"})
    waiting = make_job("waiting", name_en="Waiting")
    waiting.after.add(job)
    catalog.metric("rate", name_en="Rate")
    for number in range(11):
        catalog.edge(("metric", "rate"), ("job", f"weekly-{number:02}"), source="definition")
        make_job(f"weekly-{number:02}", kind="report", name_en=f"Weekly {number:02}")
    card = text(dan, "/jobs/refresh/").split('id="fed-title"', 1)[1].split("</section>", 1)[0]
    for name, how in (("Waiting", "follows"), ("Rate", "computed"), ("Weekly 00", "further on")):
        assert f">{how}<" in card.split(f">{name}<", 1)[1].split("</li>", 1)[0]
    assert card.index("Weekly 09") < card.index("<details") < card.index("Weekly 10")


class TestHowItWorks:
    SQL = "WITH late AS (SELECT * FROM ops.flights) SELECT * FROM late -- unlike hr.pay"

    def test_who_may_not_edit_reads_what_it_does_and_from_what(self, client: Client, cast: Cast) -> None:
        catalog.dataset("ops.flights")
        catalog.dataset("hr.pay", visibility="team", team=Team.objects.get(key="finance"))
        make_job(kind="quality_check", config={"dataset": "ops.flights", "checks": []})
        catalog.edge(("dataset", "hr.pay"), ("job", "load-weather"))
        client.force_login(cast.ada)
        page = text(client, "/jobs/load-weather/")
        assert "How it works" in page
        assert "Puts checks to a dataset" in page
        assert 'ops.flights/"' in page
        assert "hr.pay" not in page

    def test_the_sql_is_for_who_may_see_every_table_of_it(self, client: Client, cast: Cast) -> None:
        flights = catalog.dataset("ops.flights", table={"physical_name": "ops.flights"})
        make_job(kind="sql_model", config={"target": "ops.late", "sql": self.SQL})
        client.force_login(cast.ada)
        page = text(client, "/jobs/load-weather/")
        assert "Show the SQL" in page
        assert "hr.pay" not in page
        flights.asset.visibility, flights.asset.team = "team", Team.objects.get(key="finance")
        flights.asset.save()
        page = text(client, "/jobs/load-weather/")
        assert "Show the SQL" not in page
        assert "ops.flights" not in page

    def test_hosts_and_secrets_are_not_told(self, client: Client, cast: Cast) -> None:
        config = {"url": "https://crm.internal/start", "headers": [{"name": "X", "secret": "crm-key"}]}
        make_job(kind="http", config=config)
        client.force_login(cast.ada)
        page = text(client, "/jobs/load-weather/")
        assert "How it works" in page
        assert "crm" not in page


def test_the_next_starts_stand_in_both_zones(dan: Client) -> None:
    make_schedule(make_job(), zone="America/New_York", cron="30 6 * * *")
    shown = dan.get("/jobs/load-weather/").context["schedules"][0]
    assert len(shown.starts) == 5
    assert shown.elsewhere
    assert {start.there.strftime("%H:%M") for start in shown.starts} == {"06:30"}
    assert "06:30 America/New_York" in dan.get("/jobs/load-weather/").content.decode()
    assert all(start.at > datetime.now(UTC) for start in shown.starts)


def test_a_schedule_in_the_readers_zone_is_told_once(dan: Client) -> None:
    make_schedule(make_job(), zone="Asia/Seoul")
    assert not dan.get("/jobs/load-weather/").context["schedules"][0].elsewhere


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("10 6 * * *", "every day at 06:10"),
        ("30 18 * * 1-5", "Monday to Friday at 18:30"),
        ("0 7 * * 1", "every Monday at 07:00"),
        ("0 7 * * 7", "every Sunday at 07:00"),
        ("5 * * * *", "every hour at minute 5"),
        ("*/5 * 1 * *", "every 5 minutes, on day 1 of the month"),
        ("*/7 1-9 * * *", "<code>*/7 1-9 * * *</code>"),
    ],
)
def test_a_usual_schedule_is_told_in_words(dan: Client, cron: str, words: str) -> None:
    make_schedule(make_job(), cron=cron)
    assert words in text(dan, "/jobs/load-weather/")


class TestSchedules:
    def test_pause_and_resume_leave_a_trace(self, dan: Client, cast: Cast) -> None:
        schedule = make_schedule(make_job())
        path = f"/jobs/load-weather/schedules/{schedule.pk}"
        assert dan.post(f"{path}/pause/")["Location"] == "/jobs/load-weather/#starts"
        schedule.refresh_from_db()
        assert (schedule.enabled, schedule.next_slot) == (False, None)
        assert dan.post(f"{path}/resume/").status_code == 302
        schedule.refresh_from_db()
        assert schedule.enabled
        assert schedule.next_slot is not None
        events = AuditEvent.objects.filter(action__startswith="schedule.").order_by("id")
        assert [(event.action, event.actor_label) for event in events] == [
            ("schedule.paused", "Dan Seo"),
            ("schedule.resumed", "Dan Seo"),
        ]

    def test_another_jobs_schedule_is_missing_here(self, dan: Client) -> None:
        make_job("mine")
        foreign = make_schedule(make_job("other"))
        assert dan.post(f"/jobs/mine/schedules/{foreign.pk}/pause/").status_code == 404
        assert Schedule.objects.get(pk=foreign.pk).enabled

    def test_who_may_run_may_not_yet_edit(self, client: Client, cast: Cast) -> None:
        schedule = make_schedule(make_job())
        client.force_login(cast.ben)
        assert "Pause" not in text(client, "/jobs/load-weather/")
        assert client.post(f"/jobs/load-weather/schedules/{schedule.pk}/pause/").status_code == 403
        assert Schedule.objects.get(pk=schedule.pk).enabled

    def test_it_rejects_get(self, dan: Client) -> None:
        schedule = make_schedule(make_job())
        assert dan.get(f"/jobs/load-weather/schedules/{schedule.pk}/pause/").status_code == 405


class TestRunNow:
    def test_one_click_starts_a_job_without_parameters(self, dan: Client, cast: Cast) -> None:
        make_job()
        response = dan.post("/jobs/load-weather/run/", {"once": uuid4()})
        run = Run.objects.get()
        assert response["Location"] == f"/runs/{run.number}/"
        assert (run.state, run.trigger, run.requested_by) == (RunState.QUEUED, Trigger.MANUAL, cast.dan)
        assert AuditEvent.objects.get(action="run.triggered").actor_label == "Dan Seo"

    def test_a_double_click_starts_one_run(self, dan: Client) -> None:
        make_job()
        once = uuid4()
        answers = {dan.post("/jobs/load-weather/run/", {"once": once})["Location"] for _ in range(3)}
        assert len(answers) == 1
        assert Run.objects.count() == 1
        dan.post("/jobs/load-weather/run/", {"once": uuid4()})
        assert Run.objects.count() == 2

    def test_the_form_asks_for_every_parameter_with_its_default(self, dan: Client) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        page = text(dan, "/jobs/load-weather/run/")
        for part in (
            'type="date"',
            'type="number"',
            'value="10"',
            "<select",
            "EWR",
            'type="checkbox"',
            "The day to load.",
        ):
            assert part in page

    def test_a_link_can_fill_in_the_form(self, dan: Client) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        assert 'value="2013-02-28"' in text(dan, "/jobs/load-weather/run/?day=2013-02-28&once=x&foreign=y")

    def test_a_link_says_values_of_any_type(self, dan: Client) -> None:
        words = {"type": "array", "items": {"type": "string"}}
        fields = {
            "dry": {"type": "boolean", "default": True},
            "full": {"type": "boolean"},
            "tags": words,
            "airports": {"type": "array", "items": {"type": "string", "enum": ["EWR", "JFK", "LGA"]}},
            "limits": {"type": "object"},
        }
        make_job(parameters_schema={"type": "object", "properties": fields})
        link = "?dry=false&full=true&tags=a&tags=b&airports=EWR&airports=LGA&limits=%7B%22a%22:1%7D"
        form = dan.get(f"/jobs/load-weather/run/{link}").context["form"]
        boxes = {name: str(form[f"param-{name}"]) for name in fields}
        assert "checked" not in boxes["dry"]
        assert "checked" in boxes["full"]
        assert "\na\nb</textarea>" in boxes["tags"]
        assert boxes["airports"].count("checked") == 2
        assert "{&quot;a&quot;:1}</textarea>" in boxes["limits"]

    @pytest.mark.parametrize("number", ["9" * 19, pytest.param("9" * 5000, id="thousands of digits")])
    def test_a_link_to_no_run_fills_in_nothing(self, dan: Client, number: str) -> None:
        make_job()
        assert dan.get("/jobs/load-weather/run/", {"from": number}).status_code == 200

    def test_what_is_entered_becomes_json_values(self, dan: Client) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        entered = {
            "once": uuid4(),
            "param-day": "2013-02-28",
            "param-rows": "20",
            "param-share": "0.25",
            "param-airport": "EWR",
            "param-full": "on",
        }
        dan.post("/jobs/load-weather/run/", entered)
        params = {"day": "2013-02-28", "rows": 20, "share": 0.25, "airport": "EWR", "full": True}
        assert Run.objects.get().params == params

    def test_what_is_left_empty_takes_its_default(self, dan: Client) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        dan.post(
            "/jobs/load-weather/run/", {"once": uuid4(), "param-day": "2013-02-28", "param-airport": "JFK"}
        )
        params = {"day": "2013-02-28", "rows": 10, "share": 0.5, "airport": "JFK", "full": False}
        assert Run.objects.get().params == params

    def test_errors_stand_beside_their_fields_and_what_was_typed_stays(self, dan: Client) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        entered = {"once": uuid4(), "param-day": "soon", "param-rows": "2000", "param-airport": "XXX"}
        response = dan.post("/jobs/load-weather/run/", entered)
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {"param-day", "param-rows", "param-airport"}
        page = response.content.decode()
        assert 'value="soon"' in page
        assert 'value="2000"' in page
        assert not Run.objects.exists()

    def test_what_only_the_schema_knows_is_told_as_well(self, dan: Client) -> None:
        schema = {"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}}
        make_job(parameters_schema=schema)
        response = dan.post("/jobs/load-weather/run/", {"once": uuid4(), "param-code": "jfk"})
        assert response.status_code == 422
        assert "param-code" in response.context["form"].errors
        assert not Run.objects.exists()

    def test_a_used_form_with_other_values_is_offered_again(self, dan: Client) -> None:
        make_job(parameters_schema=DAY_PARAMETERS)
        once = uuid4()
        dan.post("/jobs/load-weather/run/", {"once": once, "param-day": "2013-02-28", "param-airport": "JFK"})
        changed = {"once": once, "param-day": "2013-03-01", "param-airport": "JFK"}
        response = dan.post("/jobs/load-weather/run/", changed)
        assert response.status_code == 422
        assert "already started a run" in response.content.decode()
        fresh = response.context["form"]["once"].value()
        assert str(fresh) != str(once)
        assert dan.post("/jobs/load-weather/run/", {**changed, "once": fresh}).status_code == 302
        assert Run.objects.count() == 2

    def test_fields_that_nobody_asked_for_change_nothing(self, dan: Client, cast: Cast) -> None:
        make_job()
        extra = {
            "state": "succeeded",
            "priority": "99",
            "requested_by": cast.ada.pk,
            "fence": "7",
            "param-x": "1",
        }
        dan.post("/jobs/load-weather/run/", {"once": uuid4(), **extra})
        run = Run.objects.get()
        assert (run.state, run.priority, run.requested_by, run.fence) == (RunState.QUEUED, 0, cast.dan, 0)
        assert run.params == {}

    def test_a_switched_off_job_does_not_start(self, dan: Client) -> None:
        make_job(enabled=False)
        assert "Run now" not in text(dan, "/jobs/load-weather/")
        response = dan.post("/jobs/load-weather/run/", {"once": uuid4()})
        assert response.status_code == 422
        assert "switched off" in response.content.decode()
        assert not Run.objects.exists()

    def test_business_staff_may_not_start_it(self, client: Client, cast: Cast) -> None:
        make_job()
        client.force_login(cast.finn)
        assert "Run now" not in text(client, "/jobs/load-weather/")
        assert client.get("/jobs/load-weather/run/").status_code == 403
        assert client.post("/jobs/load-weather/run/", {"once": uuid4()}).status_code == 403
        assert not Run.objects.exists()


def test_more_runs_take_no_more_queries(
    dan: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job()
    make_schedule(job)
    make_run(job)
    dan.get(f"/jobs/{job.key}/")
    for _ in range(40):
        make_run(job)
    with django_assert_num_queries(14) as asked:
        dan.get(f"/jobs/{job.key}/")
    assert '"jobs_run"."outputs"' not in str(asked.captured_queries), "no line shows what a run brought"


def test_runs_in_one_of_two_states_come_once_and_unsorted(
    dan: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job()
    runs = [make_run(job, state) for state in (RunState.FAILED, RunState.LOST, RunState.SUCCEEDED)]
    path = f"/jobs/{job.key}/?state=failed&state=lost"
    dan.get(path)
    with django_assert_num_queries(14) as asked:
        page = dan.get(path).content.decode()
    assert [page.count(f'class="main-link" href="/runs/{run.number}/"') for run in runs] == [1, 1, 0]
    assert "SELECT DISTINCT" not in str(asked.captured_queries), "it would sort every failed run of the job"


@pytest.mark.parametrize(("key", "kind"), [(QUERY_JOB, QUERY_KIND), (PEEK_JOB, PEEK_KIND)])
def test_of_a_job_behind_what_people_ask_everybody_reads_their_own_runs(
    client: Client, cast: Cast, key: str, kind: str
) -> None:
    job = make_job(key, kind=kind)
    own, other = make_run(job, by=cast.ben), make_run(job, by=cast.dan)
    client.force_login(cast.ben)
    for path in (f"/jobs/{key}/", f"/jobs/{key}/?state={own.state}"):
        page = text(client, path)
        assert f'"/runs/{own.number}/"' in page
        assert f'"/runs/{other.number}/"' not in page


class TestWhatTellsRunsApart:
    def test_slot_partition_and_parameters_beyond_the_defaults(self, dan: Client) -> None:
        job = make_job(parameters_schema=DAY_PARAMETERS)
        make_run(job, partition="2013-02-03", params={"day": "2013-02-03", "rows": 10})
        make_run(job, slot=datetime(2013, 1, 2, 3, 4, tzinfo=UTC), params={"airport": "EWR", "rows": 10})
        page = text(dan, f"/jobs/{job.key}/")
        assert ">2013-02-03</span>" in page
        assert "2013, 12:04, airport: EWR</span>" in page
        assert "rows" not in page.partition('id="runs-title"')[2]

    def test_a_failed_one_says_why_in_one_line(self, dan: Client) -> None:
        job = make_job()
        make_run(job, RunState.FAILED, error={"class": "user_code", "message": "No such <table>\nat line 3"})
        page = text(dan, f"/jobs/{job.key}/")
        assert "No such &lt;table&gt;</span>" in page
        assert "at line 3" not in page

    def test_what_is_wrong_is_told_with_its_message(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.FAILED)
        Alert.objects.create(job=run.job, run=run, condition=Condition.FAILED)
        wrong = text(dan, "/jobs/load-weather/").partition("What is wrong")[2].partition("</section>")[0]
        assert "weather.csv line 412" in wrong


class TestLive:
    def test_it_asks_again_while_a_run_is_open_and_gets_what_moved(self, dan: Client) -> None:
        run = make_run(make_job(), RunState.RUNNING)
        assert 'hx-trigger="every 3s"' in text(dan, "/jobs/load-weather/?state=running")
        seen = dan.get("/jobs/load-weather/").context["live"]
        assert dan.get(seen, headers={"HX-Request": "true"}).status_code == 204
        assert "<html" in text(dan, seen)
        Run.objects.filter(pk=run.pk).update(
            state=RunState.FAILED, lease_until=None, finished_at=datetime.now(UTC)
        )
        answer = dan.get(seen, headers={"HX-Request": "true"})
        assert "HX-Request" in answer["Vary"]
        part = answer.content.decode()
        for name in ("job-state", "job-runs"):
            assert f'id="{name}" ' in part
        assert "<html" not in part
        assert "hx-trigger" not in part
        assert "runs-state" not in part

    def test_a_job_at_rest_asks_nothing(self, dan: Client) -> None:
        make_run(make_job())
        assert "every 3s" not in text(dan, "/jobs/load-weather/")
