"""The pages that say when a job starts by itself: schedules and new data."""

from datetime import UTC, datetime

import pytest
from django import forms
from django.test import Client
from django.utils import timezone

from catalog.models import Dataset
from jobs.models import DataTrigger, Schedule
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import DAY_PARAMETERS, make_job, make_schedule, make_trigger

pytestmark = pytest.mark.django_db
NEW = "/jobs/load-weather/schedules/new/"
USUAL = {"misfire": "latest", "grace": "5", "max_catchup": "24"}
CRON = {"rhythm": "cron", "cron": "30 6 * * 1-5", "zone": "Europe/Berlin", **USUAL}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def shown_by(form: forms.Form) -> dict[str, str]:
    """Return what a browser sends when nothing was typed."""
    texts = {name: field.widget.format_value(form[name].value()) for name, field in form.fields.items()}
    # A choice is told as a list.
    return {name: str(text[0] if isinstance(text, list) else text or "") for name, text in texts.items()}


class TestSchedule:
    def test_the_page_looks_ahead_before_anything_is_written(self, dan: Client) -> None:
        make_job()
        page = dan.get(NEW).content.decode()
        assert "every day at 06:00" in page
        assert 'value="Asia/Seoul"' in page
        assert page.count("<li><span>") >= 5

    def test_a_cron_schedule_is_added(self, dan: Client) -> None:
        job = make_job()
        assert dan.post(NEW, CRON)["Location"] == "/jobs/load-weather/#starts"
        made = job.schedules.get()
        assert (made.cron, made.zone, made.interval, made.from_code) == (
            "30 6 * * 1-5",
            "Europe/Berlin",
            None,
            False,
        )
        assert made.next_slot is not None
        assert AuditEvent.objects.get(action="schedule.added").actor_label == "Dan Seo"
        page = dan.get("/jobs/load-weather/").content.decode()
        assert "Monday to Friday at 06:30" in page
        assert f"/jobs/load-weather/schedules/{made.pk}/" in page

    def test_an_interval_is_counted_from_its_anchor(self, dan: Client) -> None:
        job = make_job()
        entered = {"rhythm": "interval", "every": "6", "unit": "3600", "anchor": "2026-01-01T03:00", **USUAL}
        assert dan.post(NEW, entered).status_code == 302
        made = job.schedules.get()
        assert (made.cron, made.interval, made.anchor.isoformat()) == ("", 21600, "2025-12-31T18:00:00+00:00")
        assert "every 6" in dan.get("/jobs/load-weather/").content.decode()

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"cron": "61 * * * *"}, "«61» is no minute"),
            ({"cron": "0 0 30 2 *"}, "This never comes"),
            ({"zone": "Mars/Olympus"}, "no time zone Mars/Olympus"),
            ({"grace": ""}, "required"),
            ({"rhythm": "interval", "every": "0", "unit": "60"}, "greater than or equal to 1"),
            ({"rhythm": "interval", "every": "400", "unit": "86400"}, "at most a year"),
            ({"rhythm": "never"}, "never"),
        ],
    )
    def test_what_is_wrong_is_said_and_what_was_typed_stays(
        self, dan: Client, wrong: dict[str, str], words: str
    ) -> None:
        job = make_job()
        response = dan.post(NEW, {**CRON, **wrong})
        page = response.content.decode()
        assert response.status_code == 422
        assert words in page
        assert "Nothing was saved yet" in page
        assert not job.schedules.exists()
        if "cron" in wrong:
            assert f'value="{wrong["cron"]}"' in page

    def test_the_parameters_are_checked_by_the_job(self, dan: Client) -> None:
        job = make_job(parameters_schema=DAY_PARAMETERS)
        wrong = dan.post(NEW, {**CRON, "param-rows": "5000"})
        assert wrong.status_code == 422
        assert "less than or equal to 1000" in wrong.content.decode()
        right = {**CRON, "param-day": "2013-02-28", "param-airport": "EWR", "param-rows": "20"}
        assert dan.post(NEW, right).status_code == 302
        made = job.schedules.get()
        assert made.params == {"day": "2013-02-28", "rows": 20, "airport": "EWR", "full": False}
        page = dan.get(f"/jobs/load-weather/schedules/{made.pk}/").content.decode()
        assert 'value="2013-02-28"' in page

    def test_a_part_is_shown_while_somebody_types(self, dan: Client) -> None:
        job = make_job()
        good = dan.get(NEW, CRON, headers=HTMX)
        page = good.content.decode()
        assert "<html" not in page
        assert "Monday to Friday at 06:30" in page
        assert "06:30 there" in page
        assert good["Vary"].count("HX-Request") == 1
        bad = dan.get(NEW, {**CRON, "cron": "30 25 * * *"}, headers=HTMX).content.decode()
        assert "«25» is no hour" in bad
        half = dan.get(NEW, {"rhythm": "interval"}, headers=HTMX).content.decode()
        assert "at least a second" in half
        assert not job.schedules.exists()

    def test_looking_ahead_without_script_saves_nothing(self, dan: Client) -> None:
        job = make_job()
        page = dan.post(NEW, {**CRON, "look": "1"})
        assert page.status_code == 200
        assert "Monday to Friday at 06:30" in page.content.decode()
        assert not job.schedules.exists()

    def test_it_is_changed_and_deleted(self, dan: Client) -> None:
        made = make_schedule(make_job(), cron="0 7 * * *")
        path = f"/jobs/load-weather/schedules/{made.pk}/"
        assert 'value="0 7 * * *"' in dan.get(path).content.decode()
        dan.post(path, CRON)
        made.refresh_from_db()
        assert made.cron == "30 6 * * 1-5"
        assert dan.post(f"{path}delete/").status_code == 302
        assert not Schedule.objects.exists()

    def test_what_was_not_changed_stays_as_it_is(self, dan: Client) -> None:
        moment = {"type": "string", "format": "date-time"}
        schema = {"type": "object", "properties": {"said": {"type": "string"}, "since": moment}}
        params = {"said": "2026-01-01T03:00:30Z", "since": "2026-01-01T12:00:30+09:00"}
        anchor = datetime(2026, 1, 1, 3, 0, 30, tzinfo=UTC)
        job = make_job(parameters_schema=schema)
        made = make_schedule(job, cron="", interval=3600, anchor=anchor, grace=90, params=params)
        path = f"/jobs/load-weather/schedules/{made.pk}/"
        form = dan.get(path).context["form"]
        with timezone.override("Asia/Seoul"):
            shown = shown_by(form)
        dan.post(path, {**shown, "max_catchup": "7"})
        made.refresh_from_db()
        assert (made.max_catchup, made.grace, made.anchor, made.params) == (7, 90, anchor, params)
        dan.post(path, {**shown, "grace": "3"})
        made.refresh_from_db()
        assert made.grace == 180

    @pytest.mark.parametrize("year", ["0001", "1899", "3000", "9999"])
    def test_an_anchor_out_of_reach_is_refused(self, dan: Client, year: str) -> None:
        job = make_job()
        entered = {
            "rhythm": "interval",
            "every": "6",
            "unit": "86400",
            "anchor": f"{year}-12-31T23:59",
            **USUAL,
        }
        assert "between 1900 and 2999" in dan.get(NEW, entered, headers=HTMX).content.decode()
        answer = dan.post(NEW, entered)
        assert answer.status_code == 422
        assert "anchor" in answer.context["form"].errors
        assert not job.schedules.exists()

    def test_what_code_states_can_only_be_paused(self, dan: Client) -> None:
        made = make_schedule(make_job(), from_code=True)
        path = f"/jobs/load-weather/schedules/{made.pk}/"
        assert path + '"' not in dan.get("/jobs/load-weather/").content.decode()
        assert dan.get(path)["Location"] == "/jobs/load-weather/#starts"
        dan.post(f"{path}delete/")
        assert Schedule.objects.exists()

    def test_missed_starts_are_shown(self, dan: Client) -> None:
        make_schedule(make_job(), missed=3, missed_at="2026-11-01T06:00Z")
        assert "3 starts were left out" in dan.get("/jobs/load-weather/").content.decode()

    def test_who_may_not_edit_gets_no_form(self, client: Client, cast: Cast) -> None:
        make_schedule(make_job())
        client.force_login(cast.ben)
        assert "Add a schedule" not in client.get("/jobs/load-weather/").content.decode()
        assert client.get(NEW).status_code == 403
        assert client.post(NEW, CRON).status_code == 403


class TestNewData:
    PATH = "/jobs/load-weather/data/new/"

    def test_one_is_added_changed_paused_and_deleted(self, dan: Client) -> None:
        job = make_job()
        flights, weather = catalog.dataset("ops.flights"), catalog.dataset("ops.weather")
        assert "ops.flights" in dan.get(self.PATH).content.decode()
        dan.post(self.PATH, {"datasets": [flights.pk, weather.pk], "gathering": "all"})
        made = job.data_triggers.get()
        assert (made.gathering, made.watched.count()) == ("all", 2)
        assert "when all of these have new data" in dan.get("/jobs/load-weather/").content.decode()
        path = f"/jobs/load-weather/data/{made.pk}/"
        assert dan.get(path).content.decode().count("checked") == 3
        dan.post(path, {"datasets": [flights.pk], "gathering": "any"})
        dan.post(f"{path}pause/")
        made.refresh_from_db()
        assert (made.gathering, made.watched.count(), made.enabled) == ("any", 1, False)
        assert "Paused" in dan.get("/jobs/load-weather/").content.decode()
        dan.post(f"{path}resume/")
        dan.post(f"{path}delete/")
        assert not DataTrigger.objects.exists()

    def test_a_circle_is_refused_with_its_way(self, dan: Client) -> None:
        job = make_job()
        flights = catalog.dataset("ops.flights")
        catalog.edge(("job", "load-weather"), ("dataset", "ops.flights"))
        response = dan.post(self.PATH, {"datasets": [flights.pk], "gathering": "any"})
        assert response.status_code == 422
        assert "load-weather → ops.flights → load-weather" in response.content.decode()
        assert not job.data_triggers.exists()

    def test_a_circle_does_not_name_what_one_may_not_see(self, client: Client, cast: Cast) -> None:
        job = make_job()
        job.editors.add(cast.finn)
        job.followers.add(make_job("secret-payroll", private=True))
        made = catalog.dataset("ops.secret", visibility="team", owner=cast.dan)
        for upstream, dataset in (("secret-payroll", made), ("second", catalog.dataset("ops.flights"))):
            catalog.edge(("job", upstream), ("dataset", dataset.asset.key))
        make_trigger(make_job("second"), made)
        client.force_login(cast.finn)
        flights = Dataset.objects.get(asset__key="ops.flights")
        page = client.post(self.PATH, {"datasets": [flights.pk], "gathering": "any"}).content.decode()
        assert "load-weather → … → … → second → ops.flights → load-weather. Leave out ops.flights" in page

    def test_a_change_leaves_what_its_editor_may_not_see(self, client: Client, cast: Cast) -> None:
        job = make_job()
        job.editors.add(cast.finn)
        hidden = catalog.dataset("ops.secret", visibility="team", owner=cast.dan)
        flights, weather = catalog.dataset("ops.flights"), catalog.dataset("ops.weather")
        made = make_trigger(job, hidden, flights)
        client.force_login(cast.finn)
        path = f"/jobs/load-weather/data/{made.pk}/"
        assert client.post(path, {"datasets": [weather.pk], "gathering": "all"}).status_code == 302
        assert set(made.datasets.all()) == {hidden, weather}

    def test_nothing_chosen_is_refused(self, dan: Client) -> None:
        make_job()
        catalog.dataset("ops.flights")
        response = dan.post(self.PATH, {"gathering": "any"})
        assert response.status_code == 422
        assert "Choose at least one" in response.content.decode()

    def test_what_one_may_not_see_is_only_counted(self, client: Client, cast: Cast) -> None:
        hidden = catalog.dataset("ops.secret", visibility="team", owner=cast.dan)
        make_trigger(make_job(), hidden)
        client.force_login(cast.finn)
        page = client.get("/jobs/load-weather/").content.decode()
        assert "ops.secret" not in page
        assert "1 dataset that you may not see" in page
