"""dbt projects by the real dbt: what is published, what keeps the last good data, and what never gets out."""

import ctypes
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal_settings
from pydantic import ValidationError

from catalog.models import Asset, Column, Dataset, LineageEdge
from jobs.exceptions import InvalidDefinition
from jobs.models import Artifact, Job, Run
from jobs.outputs import shown_outputs
from jobs.runners.dbt import process
from jobs.runners.dbt import project as installed
from jobs.runners.dbt.config import DbtConfig
from jobs.runners.dbt.project import DbtRefused, find_project
from jobs.runners.dbt.runner import DbtRunner
from portal.warehouse import attaching
from tests.conftest import Cast
from tests.lake import Lake
from tests.unit.jobs.loading import make, message_of, succeed, work_off

FILES = {
    "dbt_project.yml": """
name: shop
version: "1.0"
profile: theirs
vars: {rate: 1}
models: {shop: {+materialized: table}}
""",
    "seeds/countries.csv": "code,country\nKR,Korea\nDE,Germany\n",
    "models/sources.yml": """
sources:
  - name: ops
    schema: ops
    tables: [{name: customers}]
""",
    "models/spent.sql": """
select c.id, c.email as contact, country, {{ var('rate') }} * c.paid as paid, '{{ var("day", "") }}' as day
from {{ source('ops', 'customers') }} c join {{ ref('countries') }} using (code)
""",
    "models/by_country.sql": """
{{ config(materialized='view') }}
select country, sum(paid) as paid from {{ ref('spent') }} group by 1
""",
    "models/seen.sql": """
{{ config(materialized='incremental') }}
select id from {{ source('ops', 'customers') }}
{% if is_incremental() %} where id not in (select id from {{ this }}) {% endif %}
""",
    "snapshots/customers.sql": """
{% snapshot customers %}
{{ config(unique_key='id', strategy='check', check_cols=['paid']) }}
select id, paid from {{ source('ops', 'customers') }}
{% endsnapshot %}
""",
    "models/models.yml": """
models:
  - name: spent
    description: What each customer has spent.
    config: {tags: [money]}
    columns:
      - {name: id, description: The customer, data_tests: [unique, not_null]}
      - name: paid
        data_tests:
          - accepted_values: {arguments: {values: [1, 2, 4], quote: false}, config: {severity: warn}}
""",
}
CUSTOMERS = """
SELECT * FROM (VALUES (1, 'kim@example.com', 'KR', 1), (2, 'max@example.com', 'DE', 2))
t(id, email, code, paid)
"""


def confines() -> bool:
    """Say whether this kernel has Landlock."""
    return bool(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 1)


real = attaching.opening_statements


class Shop:
    """A dbt project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def shop(lake: Lake, cast: Cast, settings: Any) -> Shop:
    """The project, and the published dataset that it reads; the e-mail is personal, and Dan owns it."""
    # Worked off in this process, a run may take two thirds of its lease.
    settings.RUN_LEASE = 300
    settings.DBT_FOLDER = str(lake.folder / "dbt")
    publish(lake, cast)
    return Shop(lake.folder / "dbt" / "shop")


def publish(lake: Lake, cast: Cast, sql: str = CUSTOMERS, run: str = "run-0") -> None:
    lake.publish("ops.customers", sql, run_id=run)
    if Dataset.objects.exists():
        return
    asset = Asset.objects.create(kind="dataset", key="ops.customers", name_en="Customers", owner=cast.dan)
    dataset = Dataset.objects.create(
        asset=asset, physical_name="ops.customers", published_at="2026-01-01T00:00:00Z"
    )
    for position, name in enumerate(["id", "email", "code", "paid"]):
        kind = "VARCHAR" if name in {"email", "code"} else "INTEGER"
        Column.objects.create(
            dataset=dataset, position=position, name=name, data_type=kind, personal=name == "email"
        )


def project(cast: Cast, owner: str = "dan", **config: Any) -> Job:
    day = {"type": "object", "properties": {"day": {"type": "string"}}}
    config = {"project": "shop", **config}
    return make("dbt", config, key="shop", owner_email=getattr(cast, owner).email, parameters_schema=day)


def log_of(run: Run) -> str:
    return "\n".join(f"{level}: {text}" for piece in run.log.all() for _at, level, text in piece.lines)


def test_a_project_lands_as_a_whole_or_not_at_all(  # noqa: PLR0915 - each dbt takes seconds
    shop: Shop, lake: Lake, cast: Cast
) -> None:
    job = project(cast, vars={"rate": 2})
    run = succeed(job, day="2026-11-26")
    assert lake.ask("SELECT country, paid, day FROM dbt.spent ORDER BY id").rows == [
        ("Korea", 2, "2026-11-26"),
        ("Germany", 4, "2026-11-26"),
    ]
    # All of it is one snapshot of the lake.
    assert len({each["snapshot"] for each in run.outputs["datasets"]}) == 1
    assert run.outputs["nodes"] == {"success": 5, "pass": 3}
    assert sorted(Artifact.objects.values_list("name", flat=True)) == ["manifest.json", "run_results.json"]
    spent = Dataset.objects.get(asset__key="dbt.spent")
    assert (spent.asset.description_en, spent.published_by) == ("What each customer has spent.", run.pk)
    assert spent.asset.owner == cast.dan
    assert {check["name"]: (check["passed"], check["blocking"]) for check in spent.checks} == {
        "unique(id)": (True, True),
        "not_null(id)": (True, True),
        "accepted_values(paid)": (True, False),
    }
    columns = {column.name: column for column in spent.columns.all()}
    assert columns["id"].description_en == "The customer"
    assert columns["country"].made_from == [["dbt.countries", "country"]]
    # What is made of a personal column is personal, by the project's SQL.
    assert (columns["contact"].personal, columns["contact"].made_from) == (True, [["ops.customers", "email"]])
    assert "kim@" not in str(spent.sample)
    edges = set(LineageEdge.objects.values_list("upstream_key", "downstream_key"))
    assert {
        ("ops.customers", "dbt.spent"),
        ("dbt.countries", "dbt.spent"),
        ("dbt.spent", "dbt.by_country"),
        ("shop", "dbt.by_country"),
    } <= edges
    log = log_of(run)
    assert "info: 8 nodes are selected" in log
    assert "OK created sql incremental model dbt.seen" in log

    # The increment, the snapshot and what is not selected begin from what the lake holds.
    lee = "(3, 'lee@example.com', 'KR', 4), (1, 'kim"
    publish(lake, cast, CUSTOMERS.replace("'DE', 2", "'DE', 7").replace("(1, 'kim", lee), run="run-1")
    run = succeed(project(cast, select=["seen", "customers", "spent"], exclude=["by_country"]))
    assert lake.ask("SELECT id FROM dbt.seen ORDER BY id").rows == [(1,), (2,), (3,)]
    history = "SELECT id, paid, dbt_valid_to IS NULL FROM dbt.customers ORDER BY id, dbt_valid_from"
    assert lake.ask(history).rows == [(1, 1, True), (2, 2, False), (2, 7, True), (3, 4, True)]
    by_country = "SELECT country, paid FROM dbt.by_country ORDER BY 1"
    assert lake.ask(by_country).rows == [("Germany", 4), ("Korea", 2)]
    assert {each["key"] for each in run.outputs["datasets"]} == {"dbt.seen", "dbt.customers", "dbt.spent"}
    # A test that only warns lets the rows pass, and says so on the run's page.
    assert run.outputs["nodes"] == {"success": 3, "pass": 2, "warn": 1}
    shown = [(output.label, output.note) for output in shown_outputs(run, cast.dan)]
    assert ("Tests that warn", "1 node") in shown
    assert "accepted_values_spent_paid__False__1__2__4 of spent (models/models.yml)" in str(shown)

    # A broken model and two rows of one customer: both are named with their files, and nothing has changed.
    good = lake.ask("SELECT * FROM dbt.spent ORDER BY id").rows
    shop.write("models/by_country.sql", "select no_such_column from {{ ref('countries') }}")
    twice = "SELECT * FROM (VALUES (5, 'a', 'KR', 1), (5, 'b', 'KR', 1)) t(id, email, code, paid)"
    publish(lake, cast, twice, run="run-2")
    run = work_off(project(cast))
    message = message_of(run)
    assert "model by_country (models/by_country.sql)" in message
    assert "no_such_column" in message
    assert "test unique_spent_id of spent (models/models.yml): Got 1 result" in message
    assert run.error["class"] == "bad_input"
    assert "OK created sql table model dbt.spent" in log_of(run)
    assert lake.ask("SELECT * FROM dbt.spent ORDER BY id").rows == good
    assert Artifact.objects.filter(run=run).count() == 0

    # Put to what is in the lake, the results stand at the dataset, also where a test fails.
    shop.write("tests/nobody_from_korea.sql", "select * from {{ ref('spent') }} where country = 'Korea'")
    run = work_off(project(cast, command="test", select=["spent"]))
    assert "test nobody_from_korea (tests/nobody_from_korea.sql): Got 2 results" in message_of(run)
    assert run.error["class"] == "check_failed"
    found = {each["name"]: each for each in Dataset.objects.get(asset__key="dbt.spent").checks}
    assert (found["nobody_from_korea"]["passed"], found["nobody_from_korea"]["job"]) == (False, "shop")
    outputs = {
        "checked": {"dbt.spent": [{**found["nobody_from_korea"], "passed": True}]},
        "nodes": {"pass": 1},
    }
    kept = DbtRunner().record(run=run, outputs=outputs)
    assert kept == {"datasets": [{"key": "dbt.spent"}], "nodes": {"pass": 1}}
    assert all(each["passed"] for each in Dataset.objects.get(asset__key="dbt.spent").checks[-1:])


NOSY = """
import os, pathlib, subprocess

def tried(work):
    try:
        return "done " + str(work())
    except Exception as error:
        return type(error).__name__

def model(dbt, session):
    import jobs.runners.dbt.lake as lake
    read = "SELECT content FROM read_text('KEY')"
    found = [
        tried(pathlib.Path("KEY").read_text),
        tried(lambda: pathlib.Path("LAKE/planted").write_text("x")),
        tried(lambda: subprocess.run(["/bin/true"], check=True)),
        tried(lambda: session.execute(read).fetchall()),
        tried(lambda: session.execute("CREATE TABLE lake.ops.planted AS SELECT 1")),
        str(lake.Session.opening),
        " ".join(sorted(os.environ)),
    ]
    print("the word is", dbt.config.get("word"))
    return session.sql("SELECT unnest($found) AS found", params={"found": found})
"""


def test_the_projects_code_reaches_neither_files_nor_secrets(
    shop: Shop, lake: Lake, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model in Python tries what a project could: other files, programs, the lake, passwords in the log."""
    key = lake.folder / "key"
    key.write_text("the key of the house")
    nosy = NOSY.replace("KEY", str(key)).replace("LAKE", str(lake.folder / "lake"))
    shop.write("models/nosy.py", nosy)
    shop.write("models/nosy.yml", "models: [{name: nosy, config: {word: correct-horse}}]")
    # The password of the lake's reader would be hidden like this word.
    monkeypatch.setattr(attaching, "reader_password", lambda: "correct-horse")
    run = succeed(project(cast, command="run", select=["nosy"]))
    *tried, opening, environment = (row[0] for row in lake.ask("SELECT found FROM dbt.nosy").rows)
    assert len(tried) == 5
    if confines():
        assert not [each for each in tried if each.startswith("done")], tried
    assert opening == "[]"
    assert not {"DATABASE_URL", "REDIS_URL", "LAKE_READER_URL"} & set(environment.split())
    assert "the word is ***" in log_of(run)
    assert "correct-horse" not in log_of(run)


def test_what_the_owner_may_not_read_is_not_read(shop: Shop, lake: Lake, cast: Cast) -> None:
    # Finn may not write SQL at all; Ben's rights end at the personal column.
    assert "who may run SQL" in message_of(work_off(project(cast, owner="finn")))
    shop.write("models/direct.sql", "select email from lake.ops.customers")
    dataset = Dataset.objects.get(asset__key="ops.customers")
    Asset.objects.filter(pk=dataset.asset_id).update(owner=None)
    run = work_off(project(cast, owner="ben", command="run", select=["direct"]))
    assert "direct (models/direct.sql): the job's owner may not read" in message_of(run)
    with lake.reader() as warehouse:
        assert warehouse.tables() == ["ops.customers"]


def test_a_lake_that_is_away_is_not_the_projects_fault(
    shop: Shop, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = ["ATTACH 'ducklake:postgres:host=127.0.0.1 port=1 password=hush' AS lake"]
    monkeypatch.setattr(attaching, "opening_statements", lambda: [*real()[:2], *away])
    monkeypatch.setattr(attaching, "reader_password", lambda: "hush")
    run = work_off(project(cast, command="seed"))
    assert (run.error["class"], "cannot be opened" in message_of(run)) == ("warehouse", True)
    assert "hush" not in log_of(run) + str(run.error)


def test_a_path_leads_to_a_project_below_the_folder(shop: Shop, lake: Lake, cast: Cast) -> None:
    for path in ("../shop", "/etc", "a/../../etc", "shop\\x"):
        with pytest.raises(ValidationError, match="below the folder of dbt projects"):
            DbtConfig(project=path)
    for wrong in (
        {"select": ["--profiles-dir=/"]},
        {"command": "test", "full_refresh": True},
        {"target_schema": "publish_ledger"},
    ):
        with pytest.raises(ValidationError):
            DbtConfig(project="shop", **wrong)
    (lake.folder / "elsewhere").mkdir()
    (lake.folder / "elsewhere" / "dbt_project.yml").write_text("name: elsewhere")
    (shop.folder.parent / "link").symlink_to(lake.folder / "elsewhere")
    with pytest.raises(DbtRefused, match="is a link"):
        find_project("link")
    with pytest.raises(DbtRefused, match=r"there is no dbt_project\.yml"):
        find_project("nothing")
    shop.write("packages.yml", "packages: [{package: dbt-labs/dbt_utils, version: 1.3.0}]")
    run = work_off(project(cast))
    assert "run «dbt deps» where the project is kept" in message_of(run)
    assert run.error["class"] == "settings"


def test_without_dbt_the_kind_says_so(shop: Shop, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    job = project(cast)

    def gone(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(installed, "version", gone)
    with pytest.raises(InvalidDefinition, match=r"requirements-dbt\.lock"):
        project(cast, command="run")
    assert "requirements-dbt.lock" in message_of(work_off(job))


def test_a_worker_knows_the_kind_without_loading_dbt() -> None:
    code = (
        "import django, sys; django.setup()\n"
        "from jobs.runners.registry import runner_for; runner_for('dbt').missing()\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'dbt', 'dbt_common', 'duckdb'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=portal_settings.BASE_DIR
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_an_answer_longer_than_a_line_of_the_log_arrives_whole(
    shop: Shop, lake: Lake, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As long as the mark that an answer begins with, and no longer.
    monkeypatch.setattr(process, "_LONGEST_LINE", 64)
    succeed(project(cast, vars={"rate": 2}), day="2026-11-26")
