"""The form of the kind ``extract_load``: a file's empty values, what a partition needs, what it hints at."""

import re
from typing import Any

import pytest
from django.test import Client

from jobs.checks import config_problems
from jobs.models import Job
from tests.conftest import Cast
from tests.factories.jobs import JOB_FORM

pytestmark = pytest.mark.django_db

MAKE = "/jobs/new/extract_load/"
FORM: dict[str, Any] = {
    **JOB_FORM,
    "key": "load-orders",
    "name_en": "Load orders",
    "config.source:choice": "files",
    "config.source.files.path": "orders/*.csv",
    "config.source.files.format": "csv",
    "config.source.files.delimiter": ",",
    "config.source.files.quote": '"',
    "config.source.files.header": "on",
    "config.source.files.nulls": "NA\nNULL",
    "config.source.files.nulls:empty": "on",
    "config.source.files.encoding": "utf-8",
    "config.target": "raw.orders",
    "config.columns:list": "0",
    "config.checks:list": "0",
    "config.mode": "full",
    "config.partition_parameter": "partition",
    "config.new_columns": "refuse",
}
BOX = 'name="config.source.files.nulls:empty"'


@pytest.fixture
def dan(client: Client, cast: Cast) -> Client:
    client.force_login(cast.dan)
    return client


def make(client: Client, **changes: Any) -> Job:
    response = client.post(MAKE, {**FORM, **changes})
    assert response.status_code == 302, response.context["form"].config.errors
    return Job.objects.get(key="load-orders")


def nulls_of(job: Job) -> list[str]:
    found: list[str] = job.config["source"]["nulls"]
    return found


def test_an_empty_field_is_null_unless_somebody_says_otherwise(dan: Client) -> None:
    assert f"{BOX} checked" in dan.get(MAKE).content.decode()
    job = make(dan)
    assert nulls_of(job) == ["", "NA", "NULL"]
    page = dan.get("/jobs/load-orders/edit/").content.decode()
    assert f"{BOX} checked" in page
    assert ">\nNA\nNULL</textarea>" in page


def test_an_empty_field_may_be_a_text(dan: Client) -> None:
    job = make(dan, **{"config.source.files.nulls": "-"})
    assert nulls_of(job) == ["", "-"]
    left = {name: value for name, value in FORM.items() if not name.endswith(":empty")}
    saved = dan.post("/jobs/load-orders/edit/", {**left, "version": 1, "config.source.files.nulls": ""})
    assert saved.status_code == 302
    job.refresh_from_db()
    assert nulls_of(job) == []
    assert f"{BOX}>" in dan.get("/jobs/load-orders/edit/").content.decode()


def test_what_the_mode_needs_is_marked_where_it_is_asked_for(dan: Client) -> None:
    page = dan.get(MAKE).content.decode()
    assert ">Partition column</label>" in page
    assert ">Key</label>" in page
    refused = dan.post(MAKE, {**FORM, "config.mode": "partition"})
    assert refused.status_code == 422
    assert list(refused.context["form"].config.errors) == ["config.partition_column"]


def test_each_start_must_name_the_partition(dan: Client) -> None:
    rows = "parameters.asks.built.rows"
    job = make(
        dan,
        **{"config.mode": "partition", "config.partition_column": "day"},
        **{f"{rows}:list": "1", f"{rows}.0.name": "partition", f"{rows}.0.type": "string"},
    )
    assert job.parameters_schema["required"] == ["partition"]
    assert dan.post("/jobs/load-orders/schedules/new/", {"mode": "interval"}).status_code == 422
    page = dan.get("/jobs/load-orders/edit/").content.decode()
    assert f'name="{rows}.0.required" id="id_{rows}.0.required" checked' in page


def test_a_partition_that_nobody_thought_of_asking_for_is_asked_for(dan: Client) -> None:
    job = make(dan, **{"config.mode": "partition", "config.partition_column": "day"})
    assert job.parameters_schema == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"partition": {"type": "string", "minLength": 1, "maxLength": 100}},
        "required": ["partition"],
        "x-order": [],
    }


def test_a_path_where_nothing_lies_yet_is_a_hint_and_no_fault(dan: Client) -> None:
    page = dan.post(MAKE, FORM, follow=True).content.decode()
    assert "Nothing lies at orders/*.csv now." in page


def test_a_copy_fills_a_table_of_its_own(dan: Client) -> None:
    make(dan)
    page = dan.get(f"{MAKE}?from=load-orders")
    assert page.context["form"].config["config.target"].value() is None
    assert "Name the table that it fills" in page.content.decode()


def test_what_a_mode_needs_is_told_at_its_field() -> None:
    config = {"source": {"path": "orders/*.csv"}, "target": "raw.orders", "mode": "partition"}
    assert config_problems("extract_load", config) == [
        {"field": "config.partition_column", "message": "It is needed for «partition»."}
    ]
    config |= {"mode": "full", "key": ["id"]}
    assert config_problems("extract_load", config) == [
        {"field": "config.key", "message": "Only «upsert» takes it."}
    ]


def details(response: Any) -> dict[str, bool]:
    """Return what is folded away on the page, by its word, and whether it is open."""
    page = response.content.decode()
    found = re.findall(r"<details([^>]*)>\s*<summary><svg.*?</svg>\s*<(?:h2|span)>([^<]*)", page, re.DOTALL)
    return {word: attributes.endswith(" open") for attributes, word in found}


class TestFolds:
    def test_what_few_change_is_folded_away_and_says_what_holds(self, dan: Client) -> None:
        response = dan.get(MAKE)
        assert details(response) == {
            "How the file is written": False,
            "Encryption and time limit": False,
            "Limits": False,
            "Its names, description, tags and freshness": False,
            "What it asks for when it starts": False,
            "When and beside what it runs": False,
            "Alerts": False,
            "Who sees, runs and edits it": False,
        }
        page = response.content.decode()
        assert "Time limit: 1 h · Attempts: 3 ·" in page
        assert "Pool: default · Runs at a time: 1" in page
        assert '<span class="gist">When a run fails</span>' in page

    def test_what_is_marked_is_open(self, dan: Client) -> None:
        refused = dan.post(MAKE, {**FORM, "timeout": "soon", "config.source.files.delimiter": "||"})
        shown = details(refused)
        assert shown["How the file is written"]
        assert not shown["Alerts"]
        assert '<details class="card fold" id="limits" open>' in refused.content.decode()

    def test_what_says_something_else_than_usual_is_open(self, dan: Client) -> None:
        make(dan, **{"config.source.files.encoding": "cp949"})
        shown = details(dan.get("/jobs/load-orders/edit/"))
        assert shown["How the file is written"]
        assert not shown["Its names, description, tags and freshness"]

    def test_a_list_that_took_an_item_stays_open(self, dan: Client) -> None:
        more = dan.post(MAKE, {**FORM, "do": "add parameters.asks.built.rows"})
        assert details(more)["What it asks for when it starts"]
        assert not details(dan.post(MAKE, {**FORM, "do": "add config.columns"}))[
            "What it asks for when it starts"
        ]
