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


def test_an_installed_package_names_its_module_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("shop_pipelines.py").write_text(
        "from jobs.runners.pipelines import pipeline\n"
        "pipeline('shop-nightly', name_en='Nightly', name_ko='매일 밤')(lambda context: {})\n"
    )
    package = tmp_path / "shop-1.0.dist-info"
    package.mkdir()
    package.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (entries,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/pipelines.md").read_text(), re.DOTALL)
    group, line = entries.strip().splitlines()
    name = group.removeprefix('[project.entry-points."').removesuffix('"]')
    entry = line.replace("shop.pipelines", "shop_pipelines").replace('"', "")
    package.joinpath("entry_points.txt").write_text(f"[{name}]\n{entry}\n")
    monkeypatch.syspath_prepend(tmp_path)
    pipelines._load.cache_clear()
    try:
        assert pipelines.find("shop-nightly").name_en == "Nightly"
    finally:
        pipelines._load.cache_clear()
        pipelines._REGISTERED.pop("shop-nightly", None)
        sys.modules.pop("shop_pipelines", None)
