"""docs/pipelines.md: its example is a pipeline that runs as the page says."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jobs.choices import RunState
from jobs.models import Artifact, Run
from jobs.runners import pipelines
from tests.lake import Lake
from tests.stack import ROOT
from tests.unit.jobs.loading import make, work_off

ORDERS = "SELECT DATE '2026-01-02' AS day, unnest(['tea', 'tea', 'ink']) AS product"


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of the page's example."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/pipelines.md").read_text(), re.DOTALL)
    path = tmp_path / "documented_pipeline.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("documented_pipeline", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "documented_pipeline", module)
    spec.loader.exec_module(module)
    yield module
    del pipelines._REGISTERED["count-orders"]


def counted(**settings: Any) -> Run:
    job = make("python", {"pipeline": "count-orders", "settings": settings}, parameters_schema=None)
    return work_off(job, day="2026-01-02")


def test_the_example_counts_publishes_and_keeps_its_file(
    documented: ModuleType, lake: Lake, db: None
) -> None:
    lake.publish("shop.orders", ORDERS)
    run = counted()
    assert (run.state, run.error) == (RunState.SUCCEEDED, {})
    assert run.outputs["products"] == 2
    assert lake.ask("SELECT * FROM shop.orders_by_product ORDER BY product").rows == [("ink", 1), ("tea", 2)]
    assert Artifact.objects.get(run=run).name == "orders-2026-01-02.csv"


def test_the_example_fails_as_the_page_says(documented: ModuleType, lake: Lake, db: None) -> None:
    lake.publish("shop.orders", ORDERS)
    run = counted(least=3)
    assert (run.state, run.error["class"]) == (RunState.FAILED, "bad_input")
    assert "2026-01-02 has 2 products" in run.error["message"]
