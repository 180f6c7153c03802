"""Jobs made and changed by people: the form, versions, two editors, switching off, deleting."""

import re
from typing import Any

import pytest
from django.test import Client

from catalog.models import LineageEdge
from jobs.choices import RunState, Source
from jobs.models import Job, JobVersion
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories.catalog import dataset
from tests.factories.jobs import (
    DAY_PARAMETERS,
    make_job,
    make_run,
    make_schedule,
    make_trigger,
    make_version,
)

pytestmark = pytest.mark.django_db

FORM: dict[str, Any] = {
    "key": "refresh-orders",
    "name_en": "Refresh orders",
    "name_ko": "주문 지표",
    "enabled": "on",
    "pool": "default",
    "priority": "3",
    "max_active_runs": "2",
    "on_conflict": "skip",
    "timeout": "10 min",
    "start_deadline": "2 h",
    "max_attempts": "4",
    "backoff": "30",
    "backoff_cap": "1h",
    "owner": "dan@example.com",
    "team": "data",
    "config.metrics": "",
    "config.dataset": "ops.orders",
    "config.timeout": "60",
    "parameters.asks:choice": "built",
    "parameters.asks.built.rows:list": "0",
}
ROWS = "parameters.asks.built.rows"
MAKE = "/jobs/new/metric_refresh/"


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    FORM["owner"] = cast.dan.email
    return client


def errors_of(response: Any) -> dict[str, list[str]]:
    form = response.context["form"]
    found: dict[str, list[str]] = {}
    for each in (form.common, form.config, form.parameters):
        found |= {name: list(map(str, told)) for name, told in each.errors.items()}
    return found


def make(client: Client, **changes: Any) -> Job:
    response = client.post(MAKE, {**FORM, **changes})
    assert response.status_code == 302, (errors_of(response), response.context["form"].errors)
    return Job.objects.get(key=changes.get("key", FORM["key"]))


def edited(job: Job, **changes: Any) -> dict[str, Any]:
    left = {name: value for name, value in FORM.items() if name not in {"key", "enabled"}}
    return {**left, "version": job.version, **changes}


class TestMaking:
    def test_the_kinds_of_people_are_offered_and_those_of_the_portal_are_not(self, dan: Client) -> None:
        page = dan.get("/jobs/new/").content.decode()
        assert "Python pipeline" in page
        assert "Metric refresh" in page
        for kind in ("query", "verify", "housekeeping", "nonsense"):
            assert f"/jobs/new/{kind}/" not in page
            assert dan.get(f"/jobs/new/{kind}/").status_code == 404
            assert dan.post(f"/jobs/new/{kind}/", FORM).status_code == 404

    def test_the_form_comes_from_the_kinds_config_model(self, dan: Client) -> None:
        page = dan.get(MAKE).content.decode()
        for label in ("Metrics", "Dataset", "Time limit of a query", "Seconds that one query may take."):
            assert label in page
        assert 'name="config.timeout" value="120"' in page

    @pytest.mark.parametrize(
        ("kind", "asks"),
        [("http", True), ("extract_load", True), ("sql_model", False), ("quality_check", False)],
    )
    def test_what_it_asks_for_is_asked_only_where_the_kind_takes_it(
        self, dan: Client, kind: str, asks: bool
    ) -> None:
        page = dan.get(f"/jobs/new/{kind}/").content.decode()
        assert ("What it asks for when it starts" in page) is asks

    def test_the_portal_s_own_jobs_are_not_offered_to_start_after(self, dan: Client) -> None:
        make_job("peek", kind="peek")
        make_job("load-weather")
        page = dan.get(MAKE).content.decode()
        assert "(load-weather)" in page
        assert "(peek)" not in page

    def test_a_list_in_which_something_always_stands_is_not_called_optional(self, dan: Client) -> None:
        page = dan.get("/jobs/new/extract_load/").content.decode()
        assert re.search(r"<label[^>]*>Mode</label>", page)
        assert re.search(r'<label[^>]*>Owner <span class="faint small">optional', page)

    def test_a_job_is_made_with_everything_that_was_entered(self, dan: Client, cast: Cast) -> None:
        job = make(dan)
        assert job.config == {"dataset": "ops.orders", "timeout": 60.0}
        assert (job.name_en, job.name_ko, job.owner, job.team.key) == (
            "Refresh orders",
            "주문 지표",
            cast.dan,
            "data",
        )
        assert (job.timeout, job.start_deadline, job.backoff, job.backoff_cap) == (600, 7200, 30, 3600)
        assert (job.priority, job.max_active_runs, job.on_conflict, job.max_attempts) == (3, 2, "skip", 4)
        assert (job.enabled, job.source, job.version) == (True, Source.PORTAL, 1)
        version = job.versions.get()
        assert (version.made_by, version.definition["config"]) == ("Dan Seo", job.config)
        event = AuditEvent.objects.filter(object_id=job.key).get()
        assert (event.action, event.actor_label) == ("job.registered", "Dan Seo")

    def test_it_may_be_due_by_a_time_of_day_in_a_zone(self, dan: Client, cast: Cast) -> None:
        assert f'name="done_by_zone" value="{cast.dan.time_zone}"' in dan.get(MAKE).content.decode()
        job = make(dan, done_by="06:30", done_by_zone="Europe/Berlin")
        assert (job.done_by, job.done_by_zone) == ("06:30", "Europe/Berlin")
        assert job.versions.get().definition["done_by"] == "06:30"
        dan.post(f"/jobs/{job.key}/edit/", edited(job, done_by="", done_by_zone="Mars/Olympus"))
        job.refresh_from_db()
        assert (job.done_by, job.done_by_zone, job.version) == ("", "UTC", 2)

    def test_a_schedule_that_would_give_too_little_is_told_before_anything_is_saved(
        self, dan: Client
    ) -> None:
        job = make(dan)
        schedule = make_schedule(job)
        row = {f"{ROWS}:list": "1", f"{ROWS}.0.name": "day", f"{ROWS}.0.type": "date"}
        assert dan.post(f"/jobs/{job.key}/edit/", edited(job, **row)).status_code == 302
        job.refresh_from_db()
        needed = edited(job, **row, **{f"{ROWS}.0.required": "on"})
        refused = dan.post(f"/jobs/{job.key}/edit/", needed)
        assert refused.status_code == 422
        assert "starts by itself (0 6 * * *)" in refused.content.decode()
        job.schedules.update(enabled=False, next_slot=None)
        assert dan.post(f"/jobs/{job.key}/edit/", needed).status_code == 302
        # It comes back on only with parameters that fit.
        told = dan.post(f"/jobs/{job.key}/schedules/{schedule.pk}/resume/", follow=True)
        assert "does not give what the job asks for" in told.content.decode()
        assert not job.schedules.get().enabled

    def test_so_is_a_start_by_new_data(self, dan: Client) -> None:
        job = make(dan)
        trigger = make_trigger(job, dataset("ops.flights"))
        row = {f"{ROWS}:list": "1", f"{ROWS}.0.name": "day", f"{ROWS}.0.type": "date"}
        needed = edited(job, **row, **{f"{ROWS}.0.required": "on"})
        refused = dan.post(f"/jobs/{job.key}/edit/", needed)
        assert refused.status_code == 422
        assert "starts by itself (By new data)" in refused.content.decode()
        path = f"/jobs/{job.key}/data/{trigger.pk}/"
        dan.post(f"{path}pause/")
        assert dan.post(f"/jobs/{job.key}/edit/", needed).status_code == 302
        # It comes back on only with parameters that fit.
        told = dan.post(f"{path}resume/", follow=True)
        assert "does not give what the job asks for" in told.content.decode()
        assert not job.data_triggers.get().enabled

    def test_what_a_model_validator_says_stands_by_the_configuration(self, dan: Client) -> None:
        response = dan.post(MAKE, {**FORM, "config.dataset": ""})
        assert response.status_code == 422
        assert "Give metrics or a dataset, one of the two." in response.content.decode()
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field", "told"),
        [
            ({"done_by": "25:00"}, "done_by", "It takes a time of day from 00:00 to 23:59."),
            ({"done_by": "half six"}, "done_by", "at most 5 characters"),
            ({"done_by": "06:30", "done_by_zone": "Mars"}, "done_by_zone", "There is no such time zone."),
            ({"name_en": ""}, "name_en", "required"),
            ({"key": "load orders"}, "key", "letters, digits"),
            ({"key": "new"}, "key", "taken by the portal"),
            ({"key": "", "name_en": "New"}, "key", "taken by the portal"),
            ({"key": "", "name_en": "주문 지표"}, "key", "no letters for one"),
            ({"timeout": "soon"}, "timeout", "Write it like"),
            ({"timeout": "0"}, "timeout", "from 1 to 604800"),
            ({"max_attempts": "0"}, "max_attempts", "from 1 to 20"),
            ({"priority": "1000000"}, "priority", "from -100 to 100"),
            ({"backoff": "2 h"}, "backoff_cap", "shorter than the first"),
            ({"pool": "nowhere"}, "pool", "not one of the available choices"),
            ({"after": ["nothing"]}, "after", "not one of the available choices"),
            ({"runners": "nobody@example.org"}, "runners", "nobody with this e-mail"),
            ({"config.timeout": "abc"}, "config.timeout", "Enter a number"),
            ({"config.timeout": "-1"}, "config.timeout", "more than 0"),
            ({"config.dataset": "a\x00b"}, "config.dataset", "Null characters"),
        ],
    )
    def test_what_is_wrong_stands_beside_its_field_and_nothing_is_stored(
        self, dan: Client, changes: dict[str, Any], field: str, told: str
    ) -> None:
        response = dan.post(MAKE, {**FORM, **changes})
        assert response.status_code == 422
        assert any(told in message for message in errors_of(response)[field]), errors_of(response)
        assert "Nothing was stored yet" in response.content.decode()
        assert not Job.objects.exists()
        assert not JobVersion.objects.exists()

    def test_without_a_key_it_gets_one_of_its_name(self, dan: Client) -> None:
        assert dan.post(MAKE, {**FORM, "key": "", "name_en": "Refresh — Orders (EU)"}).status_code == 302
        assert Job.objects.get().key == "refresh-orders-eu"

    def test_a_taken_key_is_refused(self, dan: Client) -> None:
        make_job("refresh-orders")
        response = dan.post(MAKE, FORM)
        assert "a job with this key already" in errors_of(response)["key"][0]
        assert Job.objects.count() == 1

    def test_a_pipeline_is_chosen_and_its_settings_are_judged_by_its_own_model(self, dan: Client) -> None:
        page = dan.get("/jobs/new/python/").content.decode()
        assert '<option value="load-flights">' in page
        sent = {**FORM, "config.pipeline": "load-flights", "parameters.asks:choice": "own"}
        response = dan.post("/jobs/new/python/", {**sent, "config.settings": '{"owner_emial": "x"}'})
        assert "There is no such field." in str(errors_of(response)["config.settings"])
        response = dan.post("/jobs/new/python/", {**sent, "config.settings": "{"})
        assert "valid JSON" in str(errors_of(response)["config.settings"])
        assert dan.post("/jobs/new/python/", sent).status_code == 302
        job = Job.objects.get()
        assert job.parameters_schema == {"type": "object", "properties": {}, "additionalProperties": False}
        assert job.versions.get().definition["parameters_schema"] is None

    def test_who_may_not_edit_jobs_makes_none(self, client: Client, cast: Cast) -> None:
        for person in (cast.ada, cast.ben, cast.eun):
            client.force_login(person)
            assert "New job" not in client.get("/jobs/").content.decode()
            assert client.get("/jobs/new/").status_code == 403
            assert client.post(MAKE, FORM).status_code == 403
        assert not Job.objects.exists()

    def test_a_duplicate_starts_filled_in_and_takes_the_key_of_its_new_name(self, dan: Client) -> None:
        make(dan)
        form = dan.get(f"{MAKE}?from=refresh-orders").context["form"]
        assert form.common["name_en"].value() == "Refresh orders (copy)"
        assert form.common["key"].value() == ""
        sent = {**FORM, "key": "", "name_en": "Refresh returns"}
        assert dan.post(f"{MAKE}?from=refresh-orders", sent).status_code == 302
        assert Job.objects.filter(key="refresh-returns").exists()
        assert form.config["config.dataset"].value() == "ops.orders"
        assert form.common["timeout"].value() == "10 min"
        assert dan.get("/jobs/new/python/?from=refresh-orders").status_code == 404
        assert dan.get(f"{MAKE}?from=nothing").status_code == 404


class TestParameters:
    def rows(self, *rows: dict[str, str]) -> dict[str, Any]:
        fields = {
            f"{ROWS}.{index}.{name}": text for index, row in enumerate(rows) for name, text in row.items()
        }
        return {f"{ROWS}:list": str(len(rows)), **fields}

    def test_rows_become_a_schema_and_the_form_that_asks(self, dan: Client) -> None:
        rows = self.rows(
            {"name": "day", "type": "date", "title": "Day", "title_ko": "날짜", "required": "on"},
            {"name": "rows", "type": "integer", "default": "10", "least": "1", "most": "100"},
            {"name": "airport", "type": "string", "choices": "EWR\nJFK", "default": "JFK"},
            {"name": "code", "type": "string", "pattern": "^[A-Z]{2}$"},
            {"name": "tags", "type": "list", "default": "a, b"},
            {"name": "at", "type": "date-time"},
        )
        job = make(dan, **rows)
        assert job.parameters_schema == {
            "type": "object",
            "additionalProperties": False,
            "x-order": ["day", "rows", "airport", "code", "tags", "at"],
            "required": ["day"],
            "properties": {
                "day": {"type": "string", "format": "date", "title": "Day", "title_ko": "날짜"},
                "rows": {"type": "integer", "default": 10, "minimum": 1, "maximum": 100},
                "airport": {"type": "string", "enum": ["EWR", "JFK"], "default": "JFK"},
                "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
                "tags": {"type": "array", "items": {"type": "string"}, "default": ["a", "b"]},
                "at": {"type": "string", "format": "date-time"},
            },
        }
        asking = dan.get(f"/jobs/{job.key}/run/").context["form"]
        once = asking["once"].value()
        sent = {"once": once, "param-day": "2013-02-30", "param-rows": "101", "param-airport": "LGA"}
        response = dan.post(f"/jobs/{job.key}/run/", {**sent, "param-code": "abc"})
        assert set(response.context["form"].errors) == {
            "param-day",
            "param-rows",
            "param-airport",
            "param-code",
        }
        sent = {"once": once, "param-day": "2013-02-28", "param-rows": "7", "param-airport": "EWR"}
        sent |= {"param-code": "AB", "param-tags": "x\ny"}
        assert dan.post(f"/jobs/{job.key}/run/", sent).status_code == 302
        expected = {"day": "2013-02-28", "rows": 7, "airport": "EWR", "code": "AB", "tags": ["x", "y"]}
        assert job.runs.get().params == expected

    def test_a_schema_of_rows_opens_as_rows_again(self, dan: Client) -> None:
        job = make(dan, **self.rows({"name": "rows", "type": "integer", "default": "10", "least": "1"}))
        parameters = dan.get(f"/jobs/{job.key}/edit/").context["form"].parameters
        assert parameters[f"{ROWS}.0.default"].value() == "10"
        again = self.rows({"name": "rows", "type": "integer", "default": "10", "least": "1"})
        dan.post(f"/jobs/{job.key}/edit/", edited(job, **again))
        assert Job.objects.get().version == 1

    @pytest.mark.parametrize(
        ("row", "field", "told"),
        [
            ({"name": "2x", "type": "string"}, "name", "begins with no digit"),
            ({"name": "x", "type": "integer", "default": "ten"}, "default", "does not fit the type"),
            ({"name": "x", "type": "integer", "default": "3", "most": "2"}, "default", "does not fit"),
            ({"name": "x", "type": "string", "pattern": "("}, "pattern", "cannot be read"),
            ({"name": "x", "type": "integer", "least": "2", "most": "1"}, "most", "less than the least"),
            ({"name": "x", "type": "boolean", "choices": "a"}, "choices", "have choices"),
            ({"name": "x", "type": "date", "default": "soon"}, "default", "does not fit"),
            ({"name": "", "type": "string"}, "name", "required"),
            ({"name": "x", "type": "complex"}, "type", "valid choice"),
        ],
    )
    def test_a_wrong_row_is_marked(self, dan: Client, row: dict[str, str], field: str, told: str) -> None:
        response = dan.post(MAKE, {**FORM, **self.rows(row)})
        assert told in str(errors_of(response)[f"{ROWS}.0.{field}"]), errors_of(response)
        assert not Job.objects.exists()

    def test_two_of_one_name_are_refused(self, dan: Client) -> None:
        twice = self.rows({"name": "x", "type": "string"}, {"name": "x", "type": "integer"})
        assert "another parameter" in str(errors_of(dan.post(MAKE, {**FORM, **twice}))[f"{ROWS}.1.name"])

    def test_rows_come_and_go_and_what_was_typed_stays(self, dan: Client) -> None:
        two = {**FORM, **self.rows({"name": "a", "type": "string"}, {"name": "b", "type": "date"})}
        response = dan.post(MAKE, {**two, "name_en": "", "do": f"add {ROWS}"})
        assert response.status_code == 200
        form = response.context["form"]
        assert [form.parameters[f"{ROWS}.{n}.name"].value() for n in range(3)] == ["a", "b", None]
        assert errors_of(response) == {}
        response = dan.post(MAKE, {**two, "do": f"remove {ROWS} 0"})
        form = response.context["form"]
        assert form.parameters[f"{ROWS}.0.name"].value() == "b"
        assert form.parameters[f"{ROWS}.0.type"].value() == "date"
        assert f"{ROWS}.1.name" not in form.parameters.fields
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        ("schema", "told"),
        [
            ("[1]", "which is an object"),
            ("7", "which is an object"),
            ('{"type": "array"}', "must be «object»"),
            ('{"type": "object", "properties": {"x": {"type": "nothing"}}}', "is not valid"),
            ('{"type": "object", "$ref": "https://evil.example/s.json"}', "A reference names something"),
            ('{"type": "object", "properties": {"x": {"$ref": "#"}}}', "A reference names something"),
            (
                '{"type": "object", "$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}',
                "leads back to itself",
            ),
            ('{"type": "object", "$id": "https://evil.example/"}', "not supported"),
            ('{"type": "object", "properties": {"x": {"type": "integer", "default": "y"}}}', "does not fit"),
        ],
    )
    def test_a_schema_as_text_is_judged_before_it_is_stored(
        self, dan: Client, schema: str, told: str
    ) -> None:
        sent = {"parameters.asks:choice": "written", "parameters.asks.written.text": schema}
        response = dan.post(MAKE, {**FORM, **sent})
        assert told in str(errors_of(response)["parameters.asks.written.text"]), errors_of(response)
        assert not Job.objects.exists()

    def test_a_richer_schema_is_kept_as_text(self, dan: Client) -> None:
        schema = {**DAY_PARAMETERS, "minProperties": 1}
        job = make_job("rich", kind="metric_refresh", config={"dataset": "x"}, parameters_schema=schema)
        value = (
            dan.get(f"/jobs/{job.key}/edit/")
            .context["form"]
            .parameters["parameters.asks.written.text"]
            .value()
        )
        assert '"minProperties": 1' in value


class TestChanging:
    def test_a_change_is_the_next_version_and_no_change_is_none(self, dan: Client) -> None:
        job = make(dan)
        assert dan.post(f"/jobs/{job.key}/edit/", edited(job)).status_code == 302
        assert Job.objects.get().version == 1
        dan.post(f"/jobs/{job.key}/edit/", edited(job, timeout="20 min", key="other", kind="python"))
        changed = Job.objects.get()
        assert (changed.version, changed.timeout, changed.key, changed.kind) == (
            2,
            1200,
            "refresh-orders",
            "metric_refresh",
        )
        assert changed.enabled

    def test_the_form_shows_what_is_stored(self, dan: Client) -> None:
        job = make(dan)
        form = dan.get(f"/jobs/{job.key}/edit/").context["form"]
        assert form.config["config.dataset"].value() == "ops.orders"
        assert form.common["start_deadline"].value() == "2 h"
        assert "key" not in form.common.fields

    def test_a_circle_is_refused_by_name(self, dan: Client) -> None:
        first = make(dan)
        second = make_job("second")
        third = make_job("third")
        second.after.add(first)
        third.after.add(second)
        response = dan.post(f"/jobs/{first.key}/edit/", edited(first, after=["third"]))
        told = errors_of(response)["after"][0]
        assert "refresh-orders → second → third → refresh-orders" in told
        assert not first.after.exists()

    def test_the_second_of_two_editors_is_told_and_loses_nothing(self, client: Client, cast: Cast) -> None:
        client.force_login(cast.dan)
        FORM["owner"] = cast.dan.email
        job = make(client)
        client.force_login(cast.cleo)
        assert (
            client.post(f"/jobs/{job.key}/edit/", edited(job, timeout="20 min", priority="9")).status_code
            == 302
        )
        client.force_login(cast.dan)
        mine = edited(job, timeout="30 min", **{"config.dataset": "ops.sales"})
        response = client.post(f"/jobs/{job.key}/edit/", mine)
        assert response.status_code == 409
        page = response.content.decode()
        assert "Cleo Han saved version 2 while you were editing" in page
        (clash,) = response.context["clashes"]
        assert (clash.name, clash.before, clash.theirs, clash.mine) == ("timeout", "600", "1200", "1800")
        assert [each.name for each in response.context["theirs"]] == ["priority"]
        form = response.context["form"]
        assert form.common["timeout"].value() == "30 min"
        assert form.common["priority"].value() == 9
        assert form.config["config.dataset"].value() == "ops.sales"
        assert Job.objects.get().timeout == 1200
        again = edited(job, timeout="30 min", priority="9", version="2", **{"config.dataset": "ops.sales"})
        assert client.post(f"/jobs/{job.key}/edit/", again).status_code == 302
        saved = Job.objects.get()
        assert (saved.version, saved.timeout, saved.priority) == (3, 1800, 9)
        assert saved.config["dataset"] == "ops.sales"

    @pytest.mark.parametrize("version", ["", "x", "-1", "99999999999999999999", "0"])
    def test_a_version_that_never_was_overwrites_nothing(self, dan: Client, version: str) -> None:
        job = make(dan)
        response = dan.post(f"/jobs/{job.key}/edit/", edited(job, timeout="20 min", version=version))
        assert response.status_code == 409
        assert Job.objects.get().timeout == 600

    @pytest.mark.parametrize("source", [Source.CODE, Source.FILE])
    def test_a_job_that_is_defined_elsewhere_is_not_changed_here(self, dan: Client, source: Source) -> None:
        job = make_job(source=source, origin="jobs.toml")
        page = dan.get(f"/jobs/{job.key}/").content.decode()
        assert "In code" in page or "jobs.toml" in page
        assert f"/jobs/{job.key}/edit/" not in page
        assert dan.get(f"/jobs/{job.key}/edit/").status_code == 302
        assert dan.post(f"/jobs/{job.key}/edit/", edited(job)).status_code == 302
        assert dan.post(f"/jobs/{job.key}/delete/", {"key": job.key}).status_code == 302
        assert Job.objects.get().version == 1


class TestVersions:
    def test_two_versions_are_compared(self, dan: Client) -> None:
        job = make(dan)
        dan.post(f"/jobs/{job.key}/edit/", edited(job, timeout="20 min"))
        response = dan.get(f"/jobs/{job.key}/versions/")
        found = [(each.name, each.before, each.after) for each in response.context["compared"]]
        assert found == [("timeout", "600", "1200")]
        assert "Dan Seo" in response.content.decode()
        assert dan.get(f"/jobs/{job.key}/versions/?older=1&newer=1").context["compared"] is None
        assert dan.get(f"/jobs/{job.key}/versions/?older=x&newer=999999999999").status_code == 200

    def test_an_earlier_version_comes_back_as_a_new_one(self, dan: Client) -> None:
        job = make(dan)
        dan.post(f"/jobs/{job.key}/edit/", edited(job, timeout="20 min"))
        dan.post(f"/jobs/{job.key}/switch/", {"enabled": "0"})
        assert dan.post(f"/jobs/{job.key}/versions/1/restore/", {"version": "2"}).status_code == 302
        back = Job.objects.get()
        assert (back.version, back.timeout, back.enabled) == (3, 600, False)
        assert back.versions.get(number=3).restored_from == 1
        assert dan.post(f"/jobs/{job.key}/versions/77/restore/").status_code == 404

    def test_a_stale_page_restores_nothing(self, dan: Client) -> None:
        job = make(dan)
        dan.post(f"/jobs/{job.key}/edit/", edited(job, timeout="20 min"))
        dan.post(f"/jobs/{job.key}/versions/1/restore/", {"version": "1"})
        assert Job.objects.get().version == 2

    def test_a_version_that_does_not_fit_any_more_is_refused(self, dan: Client) -> None:
        job = make(dan)
        dan.post(f"/jobs/{job.key}/edit/", edited(job, timeout="20 min"))
        kept = job.versions.get(number=1)
        kept.definition["owner_email"] = "gone@example.org"
        kept.save()
        response = dan.post(f"/jobs/{job.key}/versions/1/restore/", {"version": "2"}, follow=True)
        assert "does not fit any more" in response.content.decode()
        assert "gone@example.org" in response.content.decode()
        assert Job.objects.get().version == 2

    def test_going_back_does_not_name_what_its_editor_may_not_see(self, client: Client, cast: Cast) -> None:
        job = make_job(kind="metric_refresh", config={"dataset": "x"})
        job.editors.add(cast.finn)
        for key in ("secret-payroll", "secret-still"):
            make_job(key, private=True)
        make_version(job, after=["secret-payroll", "gone"], timeout=77)
        job.after.add(Job.objects.get(key="secret-still"))
        client.force_login(cast.finn)
        page = client.post(f"/jobs/{job.key}/versions/1/restore/", follow=True).content.decode()
        assert "secret-" not in page
        assert "is back, as version 2" in page
        back = Job.objects.get(key=job.key)
        assert (back.timeout, back.after.get().key) == (77, "secret-still")

    def test_only_editors_read_the_history(self, client: Client, cast: Cast) -> None:
        make_version(make_job())
        client.force_login(cast.ben)
        assert client.get("/jobs/load-weather/versions/").status_code == 403
        assert "/jobs/load-weather/versions/" not in client.get("/jobs/load-weather/").content.decode()


class TestLife:
    def test_it_is_switched_off_and_on_with_a_trace(self, dan: Client) -> None:
        job = make_job()
        dan.post(f"/jobs/{job.key}/switch/", {"enabled": "0"})
        assert not Job.objects.get().enabled
        dan.post(f"/jobs/{job.key}/switch/", {"enabled": "0"})
        dan.post(f"/jobs/{job.key}/switch/", {"enabled": "1"})
        assert Job.objects.get().enabled
        actions = AuditEvent.objects.filter(action__startswith="job.switched").order_by("pk")
        assert [event.action for event in actions] == ["job.switched_off", "job.switched_on"]

    def test_it_is_deleted_with_its_history_once_its_key_was_typed(self, dan: Client) -> None:
        job = make(dan)
        make_run(job)
        make_schedule(job)
        page = dan.get(f"/jobs/{job.key}/delete/").content.decode()
        assert "1 run with its log" in page
        assert "1 version of its definition" in page
        response = dan.post(f"/jobs/{job.key}/delete/", {"key": "refresh"})
        assert response.status_code == 422
        assert Job.objects.exists()
        assert dan.post(f"/jobs/{job.key}/delete/", {"key": job.key}).status_code == 302
        assert not Job.objects.exists()
        event = AuditEvent.objects.get(action="job.deleted")
        assert (event.object_id, event.data["runs"]) == (job.key, 1)

    def test_a_model_that_reads_what_it_fills_keeps_it_not(self, dan: Client, cast: Cast) -> None:
        job = make(dan)
        reader = make_job("reader", kind="sql_model", config={"sql": "SELECT 1", "target": "a.b"})
        reader.after.add(job)
        assert "start after it" not in dan.get(f"/jobs/{job.key}/delete/").content.decode()
        assert dan.post(f"/jobs/{job.key}/delete/", {"key": job.key}).status_code == 302
        assert list(reader.after.all()) == []

    def test_what_depends_on_it_keeps_it(self, client: Client, cast: Cast) -> None:
        job = make_job()
        follower = make_job("follower", name_en="Follower", private=True)
        follower.after.add(job)
        make_run(job, RunState.QUEUED)
        edge = {"upstream_kind": "job", "upstream_key": job.key, "source": "run"}
        LineageEdge.objects.create(**edge, downstream_kind="dataset", downstream_key="ops.orders")
        client.force_login(cast.dan)
        page = client.post(f"/jobs/{job.key}/delete/", {"key": job.key}).content.decode()
        assert "These jobs start after it: Follower." in page
        assert "1 run has not ended." in page
        assert "It publishes 1 dataset." in page
        assert Job.objects.filter(pk=job.pk).exists()
        job.editors.add(cast.finn)
        client.force_login(cast.finn)
        page = client.get(f"/jobs/{job.key}/delete/").content.decode()
        assert "1 that you may not see" in page
        assert "Follower" not in page


def test_what_sql_may_read_stands_beside_it(client: Client, cast: Cast) -> None:
    dataset("trips", columns=("day",), table={"physical_name": "ops.trips"})
    client.force_login(cast.dan)
    for address in ("/jobs/new/sql_model/", "/reports/new/"):
        page = client.get(address).content.decode()
        assert 'data-insert="ops.trips"' in page, address
        assert 'data-insert="day"' in page, address
    assert "data-insert" not in client.get("/jobs/new/extract_load/").content.decode()


def test_whole_numbers_of_a_configuration_are_written_one_a_line(dan: Client) -> None:
    call = {"config.url": "https://shop.example/", "config.method": "GET", "config.patience": "30"}
    form = {name: value for name, value in FORM.items() if not name.startswith("config.")} | call
    answer = dan.post("/jobs/new/http/", {**form, "config.expected": "200\ntwo"})
    assert errors_of(answer)["config.expected"] == ["“two” is no whole number."]
    assert dan.post("/jobs/new/http/", {**form, "config.expected": "200\n202"}).status_code == 302
    assert Job.objects.get(key=FORM["key"]).config["expected"] == [200, 202]
