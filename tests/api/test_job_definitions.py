"""The API of job definitions: made, read, replaced and changed, with the version in If-Match."""

import json
from typing import Any

import pytest
from django.test import Client

from jobs.actions import secrets
from jobs.choices import Source
from jobs.models import Job
from portal.accounts.models import User
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_job, make_run, make_version
from tests.factories.tokens import bearer
from tests.unit.jobs.conftest import TESTS

pytestmark = pytest.mark.django_db

BODY: dict[str, Any] = {
    "key": "refresh-orders",
    "kind": "metric_refresh",
    "name_en": "Refresh orders",
    "config": {"dataset": "ops.orders"},
    "parameters_schema": {
        "type": "object",
        "properties": {"day": {"type": "string", "format": "date"}},
        "additionalProperties": False,
    },
    "team_key": "data",
    "timeout": 600,
}
ADDRESS = "/api/v1/jobs/refresh-orders"


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method,
        path,
        "" if body is None else json.dumps(body),
        content_type="application/json",
        headers=headers,
    )


@pytest.fixture
def dan(client: Client, cast: Cast) -> dict[str, str]:
    return bearer(cast.dan, "jobs:read", "jobs:write", "jobs:run")


@pytest.fixture
def made(client: Client, dan: dict[str, str]) -> Job:
    assert send(client, "POST", "/api/v1/jobs", BODY, **dan).status_code == 201
    return Job.objects.get()


def errors(response: Any) -> dict[str, str]:
    assert response["Content-Type"] == "application/problem+json"
    return {each["field"]: each["message"] for each in response.json()["errors"]}


def test_a_job_is_made_once(client: Client, dan: dict[str, str]) -> None:
    response = send(client, "POST", "/api/v1/jobs", BODY, **dan)
    assert response.status_code == 201
    assert (response["ETag"], response["Location"]) == ('"1"', ADDRESS)
    assert response.json()["config"] == {"dataset": "ops.orders"}
    job = Job.objects.get()
    assert (job.source, job.timeout, job.team.key) == (Source.PORTAL, 600, "data")
    again = send(client, "POST", "/api/v1/jobs", BODY, **dan)
    assert again.status_code == 422
    assert "already" in errors(again)["key"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"kind": "query", "config": {}}, "kind"),
        ({"config": {"datset": "x"}}, "config.datset"),
        ({"timeout": "long"}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"done_by": "24:00"}, "done_by"),
        ({"done_by": "6:30"}, "done_by"),
        ({"done_by": "06:30:00"}, "done_by"),
        ({"done_by": "٠٦:٣٠"}, "done_by"),
        ({"done_by": 6.5}, "done_by"),
        ({"done_by": "06:30", "done_by_zone": "Mars/Olympus"}, "done_by_zone"),
        ({"done_by": "06:30", "done_by_zone": ""}, "done_by_zone"),
        ({"done_by": "06:30", "done_by_zone": "../UTC"}, "done_by_zone"),
        ({"timeot": 5}, "timeot"),
        ({"key": "a/b"}, "key"),
        ({"after": ["nothing"]}, "after"),
        ({"after": ["refresh-orders"]}, "after"),
        ({"owner_email": "nobody@example.org"}, "owner_email"),
        ({"team_key": "nobody"}, "team_key"),
        ({"editor_teams": ["nobody"]}, "editor_teams"),
        ({"pool": "nowhere"}, "pool"),
        ({"parameters_schema": {"type": "array"}}, "parameters_schema.type"),
        ({"parameters_schema": {"type": "object", "$ref": "http://127.0.0.1/x"}}, "parameters_schema.$ref"),
        ({"isolation": "inline"}, "isolation"),
        ({"enabled": False}, "enabled"),
        ({"name_en": None}, "name_en"),
    ],
)
def test_what_does_not_fit_is_told_by_its_field_and_stores_nothing(
    client: Client, dan: dict[str, str], changes: dict[str, Any], field: str
) -> None:
    response = send(client, "POST", "/api/v1/jobs", {**BODY, **changes}, **dan)
    assert response.status_code == 422
    assert field in errors(response), response.json()
    assert not Job.objects.exists()


def test_a_change_names_the_version_that_was_read(client: Client, dan: dict[str, str], made: Job) -> None:
    path = f"{ADDRESS}/definition"
    read = client.get(path, headers=dan)
    assert read["ETag"] == '"1"'
    assert send(client, "PATCH", path, {"timeout": 900}, **dan).status_code == 428
    first = send(client, "PATCH", path, {"timeout": 900}, **dan, **{"If-Match": read["ETag"]})
    assert (first.status_code, first["ETag"], first.json()["timeout"]) == (200, '"2"', 900)
    second = send(client, "PATCH", path, {"priority": 5}, **dan, **{"If-Match": read["ETag"]})
    assert (second.status_code, second.json()["version"]) == (412, 2)
    assert send(client, "PATCH", path, {"priority": 5}, **dan, **{"If-Match": "*"}).status_code == 412
    job = Job.objects.get()
    assert (job.timeout, job.priority, job.version) == (900, 0, 2)


def test_a_replacement_takes_defaults_for_what_it_leaves_out(
    client: Client, dan: dict[str, str], made: Job
) -> None:
    body = {
        "key": "refresh-orders",
        "kind": "metric_refresh",
        "name_en": "Orders",
        "config": {"dataset": "x"},
    }
    response = send(client, "PUT", f"{ADDRESS}/definition", body, **dan, **{"If-Match": '"1"'})
    assert response.status_code == 200
    job = Job.objects.get()
    assert (job.name_en, job.timeout, job.team, job.parameters_schema) == ("Orders", 3600, None, {})
    wrong = {**body, "key": "other", "kind": "python"}
    response = send(client, "PUT", f"{ADDRESS}/definition", wrong, **dan, **{"If-Match": '"2"'})
    assert set(errors(response)) == {"key", "kind"}


def test_what_is_read_can_be_sent_back(client: Client, dan: dict[str, str], made: Job) -> None:
    body = client.get(f"{ADDRESS}/definition", headers=dan).json()
    response = send(client, "PUT", f"{ADDRESS}/definition", body, **dan, **{"If-Match": '"1"'})
    assert (response.status_code, response["ETag"]) == (200, '"1"')


def test_a_job_that_is_defined_elsewhere_is_refused(client: Client, dan: dict[str, str]) -> None:
    make_version(make_job(source=Source.CODE))
    path = "/api/v1/jobs/load-weather"
    response = send(client, "PATCH", f"{path}/definition", {"config": {}}, **dan, **{"If-Match": '"1"'})
    assert response.status_code == 409
    assert client.delete(path, headers=dan).status_code == 409
    assert Job.objects.get().version == 1


def test_the_definition_is_shown_to_editors_only(
    client: Client, cast: Cast, dan: dict[str, str], made: Job
) -> None:
    for path in ("/api/v1/jobs", ADDRESS):
        shown = client.get(path, headers=dan).json()
        assert shown.get("results", [shown])[0]["definition"]["config"] == {"dataset": "ops.orders"}
        for token in (bearer(cast.ben, "jobs:read", "jobs:write"), bearer(cast.dan, "jobs:read")):
            answer = client.get(path, headers=token).json()
            hidden = answer.get("results", [answer])[0]
            assert (hidden["definition"], hidden["defined_in"]) == (None, "portal")
            assert "config" not in hidden


def test_it_is_deleted_where_nothing_depends_on_it(client: Client, dan: dict[str, str], made: Job) -> None:
    follower = make_job("follower")
    follower.after.add(made)
    response = client.delete(ADDRESS, headers=dan)
    assert response.status_code == 409
    assert "Follower" in response.json()["detail"]
    follower.delete()
    make_run(made)
    assert client.delete(ADDRESS, headers=dan).status_code == 204
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/definition"), ("PUT", "/definition"), ("PATCH", "/definition"), ("DELETE", "")],
)
def test_a_foreign_and_a_missing_job_answer_the_same(
    client: Client, cast: Cast, method: str, path: str
) -> None:
    make_version(make_job("hidden", private=True, owner=cast.dan))
    finn = {**bearer(cast.finn, "jobs:write"), "If-Match": '"1"'}
    foreign, missing = (
        send(client, method, f"/api/v1/jobs/{key}{path}", {"timeout": 5}, **finn)
        for key in ("hidden", "none")
    )
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.json()["detail"] == missing.json()["detail"]
    assert Job.objects.get().version == 1


class TestVersions:
    def changed(self, client: Client, dan: dict[str, str]) -> None:
        body = {"timeout": 900}
        assert (
            send(client, "PATCH", f"{ADDRESS}/definition", body, **dan, **{"If-Match": '"1"'}).status_code
            == 200
        )

    @pytest.mark.usefixtures("made")
    def test_they_are_listed_and_each_keeps_its_definition(self, client: Client, dan: dict[str, str]) -> None:
        self.changed(client, dan)
        listed = send(client, "GET", f"{ADDRESS}/versions", **dan).json()["results"]
        assert [(each["number"], each["restored_from"]) for each in listed] == [(2, None), (1, None)]
        assert {each["made_by"] for each in listed} == {"test (Dan Seo)"}
        first, second = (send(client, "GET", f"{ADDRESS}/versions/{n}", **dan).json() for n in (1, 2))
        assert (first["definition"]["timeout"], second["definition"]["timeout"]) == (600, 900)
        assert send(client, "GET", f"{ADDRESS}/versions/3", **dan).status_code == 404

    @pytest.mark.usefixtures("made")
    def test_one_is_restored_where_nobody_changed_the_job_meanwhile(
        self, client: Client, dan: dict[str, str]
    ) -> None:
        self.changed(client, dan)
        own = f"{ADDRESS}/versions/1/restore"
        assert send(client, "POST", own, **dan).status_code == 428
        assert send(client, "POST", own, **dan, **{"If-Match": '"1"'}).status_code == 412
        restored = send(client, "POST", own, **dan, **{"If-Match": '"2"'})
        assert (restored.status_code, restored["ETag"]) == (200, '"3"')
        assert restored.json()["timeout"] == 600
        newest = send(client, "GET", f"{ADDRESS}/versions?limit=1", **dan).json()["results"][0]
        assert (newest["number"], newest["restored_from"]) == (3, 1)

    @pytest.mark.usefixtures("made")
    def test_what_its_reader_may_not_know_of_stays_out(
        self, client: Client, cast: Cast, dan: dict[str, str]
    ) -> None:
        make_job("payroll", private=True, owner=cast.dan)
        body = {"after": ["payroll"]}
        send(client, "PATCH", f"{ADDRESS}/definition", body, **dan, **{"If-Match": '"1"'})
        Job.objects.get(key="refresh-orders").editors.add(cast.ben)
        ben = bearer(cast.ben, "jobs:write")
        for reader, seen in ((dan, ["payroll"]), (ben, [])):
            version = send(client, "GET", f"{ADDRESS}/versions/2", **reader).json()
            assert version["definition"]["after"] == seen

    @pytest.mark.usefixtures("made")
    @pytest.mark.parametrize("path", ["versions", "versions/1"])
    def test_who_may_not_edit_the_job_reads_none(self, client: Client, cast: Cast, path: str) -> None:
        for token in (bearer(cast.ada, "jobs:write"), bearer(cast.dan, "jobs:read")):
            assert send(client, "GET", f"{ADDRESS}/{path}", **token).status_code == 403


class TestNamedPeople:
    """A job names Finn and Ben beyond their roles: the API asks the job as the pages do."""

    def test_who_is_named_to_edit_changes_everything_but_access(
        self, client: Client, cast: Cast, made: Job
    ) -> None:
        path = f"{ADDRESS}/definition"
        finn = bearer(cast.finn, "jobs:write")
        sent = {"timeout": 900, "private": True, "editors": []}
        assert send(client, "PATCH", path, sent, **finn, **{"If-Match": '"1"'}).status_code == 403
        made.editors.add(cast.finn)
        assert send(client, "PATCH", path, sent, **finn, **{"If-Match": '"1"'}).status_code == 200
        job = Job.objects.get()
        assert (job.timeout, job.private, job.editors.get()) == (900, False, cast.finn)
        assert send(client, "POST", "/api/v1/jobs", {**BODY, "key": "own"}, **finn).status_code == 403

    def test_an_editor_neither_reads_nor_loses_a_job_before_it_that_they_may_not_see(
        self, client: Client, cast: Cast, made: Job
    ) -> None:
        path = f"{ADDRESS}/definition"
        made.after.add(make_job("hidden-before", private=True))
        made.editors.add(cast.finn)
        finn = bearer(cast.finn, "jobs:write")
        assert client.get(path, headers=finn).json()["after"] == []
        response = send(client, "PATCH", path, {"timeout": 900}, **finn, **{"If-Match": '"1"'})
        assert response.status_code == 200
        assert Job.objects.get(key=made.key).after.get().key == "hidden-before"
        wrong = send(client, "PATCH", path, {"after": ["x", "hidden"]}, **finn, **{"If-Match": '"2"'})
        assert "hidden-before" not in wrong.content.decode()

    def test_who_is_named_to_run_starts_and_cancels(self, client: Client, cast: Cast, made: Job) -> None:
        finn = bearer(cast.finn, "jobs:run")
        assert send(client, "POST", f"{ADDRESS}/runs", {}, **finn).status_code == 403
        made.runner_teams.add(cast.finn.teams.get())
        answer = send(client, "POST", f"{ADDRESS}/runs", {}, **finn)
        assert answer.status_code == 201
        assert (
            send(client, "POST", f"/api/v1/runs/{answer.json()['id']}/cancel", {}, **finn).status_code == 202
        )
        path = f"{ADDRESS}/definition"
        token = bearer(cast.finn, "jobs:write")
        assert client.get(path, headers=token).status_code == 403


HOSTS = ["api.example.com", "db.example.com"]


class TestBorrowing:
    """A named editor writes by their own rights: not with the owner's, and with no other secret."""

    @pytest.fixture(autouse=True)
    def known(self, cast: Cast) -> None:
        """Keep the secrets that the jobs here name."""
        for name in ("crm", "bank", "shop"):
            secrets.add(name=name, value="none", purpose="tests", hosts=HOSTS, user=cast.dan, by=TESTS)

    def refused(self, client: Client, editor: User, job: Job, **config: Any) -> dict[str, str]:
        make_version(job)
        job.editors.add(editor)
        sent = {"config": {**job.config, **config}}
        headers = {**bearer(editor, "jobs:write"), "If-Match": '"1"'}
        answer = send(client, "PATCH", f"/api/v1/jobs/{job.key}/definition", sent, **headers)
        assert (answer.status_code, Job.objects.get(pk=job.pk).version) in {(200, 2), (422, 1)}
        return {} if answer.status_code == 200 else errors(answer)

    def model(self, cast: Cast) -> Job:
        catalog.dataset("flights", table={"physical_name": "ops.flights"})
        hidden = {"visibility": "team", "owner": cast.dan}
        catalog.dataset("payroll", table={"physical_name": "fin.payroll"}, **hidden)
        config = {"target": "marts.late", "sql": "SELECT carrier FROM ops.flights"}
        return make_job("model", kind="sql_model", config=config, owner=cast.dan)

    def test_a_model_reads_what_its_editor_may_read(self, client: Client, cast: Cast) -> None:
        wrong = self.refused(client, cast.ben, self.model(cast), sql="SELECT carrier FROM fin.payroll")
        assert list(wrong) == ["config.sql"]
        assert "fin.payroll" in wrong["config.sql"]

    def test_a_model_of_what_its_editor_may_read_is_changed(self, client: Client, cast: Cast) -> None:
        assert not self.refused(client, cast.ben, self.model(cast), sql="SELECT dep_delay FROM ops.flights")

    def test_who_may_run_no_sql_writes_none(self, client: Client, cast: Cast) -> None:
        wrong = self.refused(client, cast.finn, self.model(cast), sql="SELECT 1 AS n")
        assert wrong == {"config": "You may not run SQL."}

    def test_whose_role_edits_jobs_is_not_asked(self, client: Client, cast: Cast) -> None:
        assert not self.refused(client, cast.dan, self.model(cast), sql="SELECT carrier FROM fin.payroll")

    def test_a_check_asks_what_its_editor_may_ask(self, client: Client, cast: Cast) -> None:
        pay = {"name": "pay", "personal": True}
        catalog.dataset("staff", columns=("team", pay), table={"physical_name": "ops.staff"})
        catalog.dataset("payroll", visibility="team", owner=cast.dan)
        rule = {"check": "not_null", "columns": ["team"]}
        config = {"dataset": "staff", "checks": [rule]}
        job = make_job("check", kind="quality_check", config=config, owner=cast.dan)
        probe = {"check": "range", "columns": ["pay"], "minimum": 0, "maximum": 9}
        wrong = self.refused(client, cast.ben, job, checks=[rule, probe])
        assert list(wrong) == ["config.checks.1"]
        job.versions.all().delete()
        assert list(self.refused(client, cast.ben, job, dataset="payroll")) == ["config.dataset"]
        job.versions.all().delete()
        assert not self.refused(client, cast.ben, job, checks=[{"check": "row_count", "minimum": 1}])

    def call(self, **config: Any) -> Job:
        header = {"name": "Authorization", "secret": "crm"}
        config = {"url": "https://api.example.com/a", "headers": [header], **config}
        return make_job("call", kind="http", config=config)

    def test_no_other_secret_is_taken(self, client: Client, cast: Cast) -> None:
        other = [{"name": "Authorization", "secret": "crm"}, {"name": "X-Key", "secret": "bank"}]
        wrong = self.refused(client, cast.finn, self.call(), headers=other)
        assert list(wrong) == ["config.headers.1.secret"]

    def test_a_secret_goes_to_no_other_host(self, client: Client, cast: Cast) -> None:
        wrong = self.refused(client, cast.finn, self.call(), url="https://evil.example.net/a")
        assert list(wrong) == ["config.headers.0.secret", "config.url"]

    def test_another_path_of_the_same_host_is_fine(self, client: Client, cast: Cast) -> None:
        assert not self.refused(client, cast.finn, self.call(), url="https://api.example.com/b")

    def test_without_a_secret_any_host_is_fine(self, client: Client, cast: Cast) -> None:
        assert not self.refused(client, cast.finn, self.call(headers=[]), url="https://example.net/")

    def test_a_database_s_password_goes_to_no_other_host(self, client: Client, cast: Cast) -> None:
        source = {"type": "postgresql", "host": "db.example.com", "database": "shop", "user": "reader"}
        source |= {"secret": "shop", "table": "public.orders"}
        job = make_job("load", kind="extract_load", config={"target": "raw.orders", "source": source})
        moved = {**source, "host": "evil.example.net", "port": 5433}
        wrong = self.refused(client, cast.finn, job, source=moved)
        assert list(wrong) == ["config.source.secret", "config.source.host", "config.source.port"]
