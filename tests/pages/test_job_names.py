"""What the form of a job says of names that lead nowhere: secrets, datasets, columns, a model's own table."""

from typing import Any

import pytest
from django.test import Client

from catalog.models import Asset, Column, Dataset
from jobs.models import Job, Secret
from tests.conftest import Cast
from tests.factories.jobs import JOB_FORM
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db

CALL: dict[str, Any] = {
    **JOB_FORM,
    "config.method": "POST",
    "config.url": "https://example.com/refresh",
    "config.headers:list": "1",
    "config.headers.0.name": "Authorization",
    "config.headers.0.secret": "crm",
    "config.content_type": "application/json",
    "config.patience": "30",
}
CHECK: dict[str, Any] = {
    **JOB_FORM,
    "config.dataset": "ops.orders",
    "config.checks:list": "1",
    "config.checks.0.check": "not_null",
    "config.checks.0.columns": "id\nnobody",
    "config.checks.0.severity": "block",
}
MODEL: dict[str, Any] = {
    **JOB_FORM,
    "config.target": "marts.orders",
    "config.sql": "SELECT * FROM marts.orders",
    "config.materialization": "table",
    "config.incremental_by": "watermark",
    "config.new_columns": "refuse",
    "config.timeout": "60",
    "config.most_rows": "100",
    "config.columns:list": "0",
    "config.checks:list": "0",
}


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


@pytest.fixture
def orders() -> None:
    asset = Asset.objects.create(kind="dataset", key="ops.orders", name_en="Orders")
    dataset = Dataset.objects.create(asset=asset, physical_name="ops.orders")
    Column.objects.create(dataset=dataset, position=0, name="id", data_type="INTEGER")


def refused(client: Client, kind: str, form: dict[str, Any]) -> dict[str, str]:
    response = client.post(f"/jobs/new/{kind}/", form)
    assert response.status_code == 422
    shown = response.context["form"]
    errors = {**shown.common.errors, **shown.config.errors}
    return {name: " ".join(map(str, told)) for name, told in errors.items()}


def test_a_secret_that_does_not_exist_is_refused_and_the_others_are_offered(dan: Client, cast: Cast) -> None:
    Secret(name="billing", hosts=["example.com"], changed_by=cast.dan).save()
    field = "config.headers.0.secret"
    assert refused(dan, "http", CALL) == {
        field: "There is no secret called crm; add it under Secrets.",
    }
    page = dan.post("/jobs/new/http/", CALL).content.decode()
    assert f'list="{field}:offered"' in page
    assert f'<datalist id="{field}:offered"><option value="billing"></option></datalist>' in page
    assert dan.post("/jobs/new/http/", {**CALL, field: "billing"}).status_code == 302


def test_a41_a_secret_is_refused_for_another_host_than_its_own(dan: Client, cast: Cast) -> None:
    Secret(name="crm", hosts=["crm.example"], changed_by=cast.dan).save()
    field = "config.headers.0.secret"
    assert refused(dan, "http", {**CALL, "config.url": "https://evil.example/"}) == {
        field: "The secret «crm» goes to crm.example only. To send it to evil.example too, store its value "
        "again under Secrets and name that host there."
    }
    assert dan.post("/jobs/new/http/", {**CALL, "config.url": "https://crm.example/"}).status_code == 302


def test_the_api_refuses_it_too(client: Client, cast: Cast) -> None:
    header = {"name": "Authorization", "secret": "crm"}
    job = {
        "kind": "http",
        "name_en": "Call",
        "key": "new-job",
        "config": {"url": "https://example.com/", "headers": [header]},
    }
    reply = client.post(
        "/api/v1/jobs", job, content_type="application/json", headers=bearer(cast.dan, "jobs:write")
    )
    assert reply.status_code == 422
    assert [error["field"] for error in reply.json()["errors"]] == ["config.headers.0.secret"]
    assert not Job.objects.exists()


def test_a_check_names_a_dataset_and_its_columns(dan: Client, orders: None) -> None:
    assert refused(dan, "quality_check", CHECK) == {
        "config.checks.0.columns": "The dataset has no column nobody."
    }
    elsewhere = {**CHECK, "config.dataset": "ops.nothing"}
    assert refused(dan, "quality_check", elsewhere) == {"config.dataset": "There is no dataset ops.nothing."}
    assert dan.post("/jobs/new/quality_check/", {**CHECK, "config.checks.0.columns": "id"}).status_code == 302


def test_a_model_does_not_read_itself(dan: Client) -> None:
    assert refused(dan, "sql_model", MODEL) == {"config.sql": "It reads marts.orders, which it makes itself."}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM ops.raw", "Only a SELECT may be sent, not DELETE."),
        ("SELECT count(*) FROM ops.raw", "Column 1 has no name: write … AS name."),
        (
            "SELECT id FROM ops.raw WHERE day = $day",
            "A model takes no parameters: write a value in place of $day.",
        ),
    ],
)
def test_a_model_that_no_run_could_take_is_refused_before_it_is_stored(
    dan: Client, sql: str, said: str
) -> None:
    assert refused(dan, "sql_model", {**MODEL, "config.sql": sql}) == {"config.sql": said}


def test_a_model_may_be_stored_before_the_table_that_it_reads_is_there(dan: Client) -> None:
    form = {**MODEL, "config.sql": "SELECT id FROM ops.not_yet"}
    assert dan.post("/jobs/new/sql_model/", form).status_code == 302


def test_a_long_text_is_kept_without_the_line_ends_of_browsers(dan: Client) -> None:
    form = {**MODEL, "config.sql": "SELECT id\r\nFROM ops.raw"}
    assert dan.post("/jobs/new/sql_model/", form).status_code == 302
    assert Job.objects.get().config["sql"] == "SELECT id\nFROM ops.raw"


def test_a_wrong_target_is_told_by_an_example(dan: Client) -> None:
    said = "It does not have the form that is asked for. This one has: sales.orders"
    form = {**MODEL, "config.sql": "SELECT id FROM ops.raw", "config.target": "shop orders!"}
    assert refused(dan, "sql_model", form) == {"config.target": said}


def test_limits_between_which_nothing_lies_are_refused(dan: Client, orders: None) -> None:
    limits = {"config.checks.0.minimum": "100", "config.checks.0.maximum": "50"}
    form = {**CHECK, **limits, "config.checks.0.check": "range", "config.checks.0.columns": "id"}
    assert refused(dan, "quality_check", form) == {
        "config.checks.0.maximum": "It is below the minimum: no value could be between them."
    }


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("id > 0 AND", "The condition cannot be read: write it as after WHERE."),
        ("id IN (SELECT 1)", "A condition looks at its own row only: write it without SELECT."),
    ],
)
def test_a_condition_that_no_run_could_put_is_refused(
    dan: Client, orders: None, condition: str, told: str
) -> None:
    check = {"config.checks.0.check": "expression", "config.checks.0.expression": condition}
    assert refused(dan, "quality_check", {**CHECK, **check}) == {"config.checks.0.expression": told}


def test_all_that_is_wrong_is_said_at_once(dan: Client) -> None:
    wrong = {"name_en": "", "timeout": "6h30", "done_by": "6h30", "config.target": "nowhere"}
    assert {"name_en", "timeout", "done_by", "config.target"} == set(
        refused(dan, "sql_model", {**MODEL, **wrong})
    )


def test_what_leads_nowhere_is_said_beside_what_is_wrong_elsewhere(dan: Client, orders: None) -> None:
    assert set(refused(dan, "http", {**CALL, "name_en": ""})) == {"name_en", "config.headers.0.secret"}
    assert set(refused(dan, "quality_check", {**CHECK, "timeout": "6h30"})) == {
        "timeout",
        "config.checks.0.columns",
    }
