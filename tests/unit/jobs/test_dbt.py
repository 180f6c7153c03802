"""dbt projects by the real dbt: what is published, what keeps the last good data, and what never gets out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal_settings
from pydantic import ValidationError

from catalog.models import Asset, Column, Dataset, LineageEdge
from jobs.models import Artifact, Job, Run
from jobs.runners.dbt import runner
from jobs.runners.dbt.config import DbtConfig
from jobs.runners.dbt.project import DbtRefused, find_project
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
select c.id, c.email, country, {{ var('rate') }} * c.paid as paid, '{{ var("day", "") }}' as day
from {{ source('ops', 'customers') }} c join {{ ref('countries') }} using (code)
""",
    "models/by_country.sql": "{{ config(materialized='view') }}\nselect country, sum(paid) as paid from {{ ref('spent') }} group by 1",
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
      - {name: paid, data_tests: [{accepted_values: {arguments: {values: [1, 2, 4], quote: false}, config: {severity: warn}}}]}
""",
}
CUSTOMERS = "SELECT * FROM (VALUES (1, 'kim@example.com', 'KR', 1), (2, 'max@example.com', 'DE', 2)) t(id, email, code, paid)"


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


def test_a_build_lands_as_a_whole_and_adds_to_what_is_there(shop: Shop, lake: Lake, cast: Cast) -> None:
    job = project(cast, vars={"rate": 2})
    run = work_off(job, day="2026-11-26")
    print(log_of(run)); print(run.outputs)
    assert lake.ask("SELECT country, paid, day FROM dbt.spent ORDER BY id").rows == [
        ("Korea", 2, "2026-11-26"),
        ("Germany", 4, "2026-11-26"),
    ]
    # second
    publish(lake, cast, CUSTOMERS.replace("(1, 'kim", "(3, 'lee@example.com', 'KR', 5), (1, 'kim").replace("'DE', 2", "'DE', 7"), run="run-1")
    run = succeed(job)
    print(log_of(run)); print(run.outputs)
    print(lake.ask("SELECT * FROM dbt.seen").rows, lake.ask("SELECT * FROM dbt.customers").rows)
