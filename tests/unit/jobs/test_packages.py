"""Pipelines of installed packages: which may bring them, and what a broken one breaks."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from structlog.testing import capture_logs

from jobs import checks
from jobs.exceptions import UnknownPipeline
from jobs.models import Job
from jobs.runners import pipelines
from portal import configuration
from tests.conftest import Cast
from tests.unit.jobs.loading import make, message_of, succeed, work_off

WORKS = "from jobs.runners.pipelines import pipeline\n"
BREAKS = "import a_library_that_is_not_there\n"


def registers(key: str) -> str:
    return f"pipeline('{key}', name_en='{key}', name_ko='{key}')(lambda context: {{'by': __name__}})\n"


class Site:
    """A folder on sys.path into which packages are installed as an installer would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(self, name: str, code: str, *, entries: str = "") -> None:
        module = f"{name.lower().replace('-', '_')}_pipelines"
        self.folder.joinpath(f"{module}.py").write_text(code)
        info = self.folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        entries = entries or f"main = {module}"
        info.joinpath("entry_points.txt").write_text(f"[data_desk.pipelines]\n{entries}\n")
        self.modules.append(module)
        self.start_again()

    def start_again(self) -> None:
        """Forget what was loaded, as a start of the portal does."""
        importlib.invalidate_caches()
        for module in self.modules:
            sys.modules.pop(module, None)
            for key in [key for key, each in pipelines._REGISTERED.items() if each.body.__module__ == module]:
                del pipelines._REGISTERED[key]
        pipelines._DOUBLED.clear()
        pipelines._load.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(settings, "JOB_PIPELINES", ["tests.pipelines"])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    one = Site(tmp_path)
    yield one
    one.start_again()


def allow(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PIPELINE_PACKAGES", value)
    monkeypatch.setattr(settings, "PIPELINE_PACKAGES", configuration.packages("PIPELINE_PACKAGES"))
    pipelines._load.cache_clear()


def why(key: str) -> str:
    with pytest.raises(UnknownPipeline) as refused:
        pipelines.find(key)
    return str(refused.value)


def test_every_installed_package_brings_its_pipelines_unless_the_setting_says_otherwise(site: Site) -> None:
    assert settings.PIPELINE_PACKAGES is None
    site.install("Shop-Reports", WORKS + registers("shop-nightly"))
    assert "shop-nightly" in pipelines.pipelines()


def test_only_packages_that_the_setting_names_are_imported(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("Shop-Reports", WORKS + registers("shop-nightly"))
    site.install("stranger", WORKS + registers("stranger-nightly"))
    allow(monkeypatch, " shop_reports ")
    assert "shop-nightly" in pipelines.pipelines()
    assert "PIPELINE_PACKAGES leaves the package stranger out" in why("stranger-nightly")
    assert "stranger_pipelines" not in sys.modules, "none of its code ran"
    allow(monkeypatch, "none")
    site.start_again()
    assert "test-say" in pipelines.pipelines()
    assert set(sys.modules).isdisjoint(site.modules)
    assert "shop-reports" in why("shop-nightly")


def test_a_package_that_the_setting_names_and_nobody_installed_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, "shop")
    assert "PIPELINE_PACKAGES names shop" in why("shop-nightly")


@pytest.mark.parametrize("value", ["shop pipelines", "shop,*", "-shop", "shop;rm", "../shop"])
def test_a_setting_that_names_no_package_ends_the_start(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_PACKAGES", value)
    with pytest.raises(configuration.ConfigurationError, match="PIPELINE_PACKAGES"):
        configuration.packages("PIPELINE_PACKAGES")


@pytest.fixture
def broken(site: Site, db: None) -> Job:
    """A job of a package whose newest version cannot be imported, beside a package that is well."""
    site.install("shop", WORKS + registers("shop-nightly"))
    site.install("well", WORKS + registers("well-nightly"))
    job = make("python", {"pipeline": "shop-nightly"}, key="shop", parameters_schema=None)
    site.install("shop", WORKS + registers("shop-nightly") + BREAKS)
    return job


BROKEN = (
    "The package shop cannot be loaded: ModuleNotFoundError: No module named 'a_library_that_is_not_there'"
)


def test_a_broken_package_fails_the_runs_of_its_jobs_and_no_others(broken: Job) -> None:
    run = work_off(broken)
    assert BROKEN in message_of(run)
    assert run.error["class"] == "settings"
    well = make("python", {"pipeline": "well-nightly"}, key="well", parameters_schema=None)
    assert succeed(well).outputs == {"by": "well_pipelines"}
    assert succeed(make("python", {"pipeline": "test-say"}, key="own")).state == "succeeded"


@pytest.mark.parametrize(
    "breaks", ["raise SystemExit(3)\n", "import 1\n", "raise BaseExceptionGroup('x', [Exception('y')])\n"]
)
def test_whatever_a_module_does_when_it_is_imported_the_others_are_loaded(site: Site, breaks: str) -> None:
    site.install("shop", WORKS + registers("shop-nightly") + breaks)
    site.install("well", WORKS + registers("well-nightly"))
    assert "The package shop cannot be loaded" in why("shop-nightly")
    assert "well-nightly" in pipelines.pipelines()


@pytest.mark.parametrize("entries", ["main", "main = not a module!", "= ="])
def test_entry_points_that_cannot_be_read_are_told_of_their_package(site: Site, entries: str) -> None:
    site.install("shop", WORKS + registers("shop-nightly"), entries=entries)
    site.install("well", WORKS + registers("well-nightly"))
    assert "The package shop cannot be loaded" in why("shop-nightly")
    assert "well-nightly" in pipelines.pipelines()


def test_a_broken_package_is_logged_once(broken: Job) -> None:
    with capture_logs() as logged:
        for _ in range(3):
            why("shop-nightly")
            pipelines.pipelines()
    assert [(each["log_level"], each["why"]) for each in logged] == [("warning", BROKEN)]


def test_the_job_s_page_says_why_its_runs_fail(broken: Job, client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    page = client.get("/jobs/shop/").content.decode()
    assert BROKEN.replace("'", "&#x27;") in page
    well = make("python", {"pipeline": "well-nightly"}, key="well", parameters_schema=None)
    assert "cannot be loaded" not in client.get(f"/jobs/{well.key}/").content.decode()


def test_the_form_says_what_is_missing_and_why(broken: Job, client: Client, cast: Cast) -> None:
    client.force_login(cast.dan)
    told = BROKEN.replace("'", "&#x27;")
    form = client.get("/jobs/new/python/")
    assert told in form.content.decode()
    offered = dict(form.context["form"].config["config.pipeline"].field.choices)
    assert "well-nightly" in offered
    assert "shop-nightly" not in offered
    assert told not in client.get("/jobs/new/metric_refresh/").content.decode()


def test_a_job_cannot_be_made_for_a_pipeline_that_is_not_there_and_its_field_says_why(broken: Job) -> None:
    (wrong,) = checks.config_problems("python", {"pipeline": "shop-nightly"})
    assert wrong["field"] == "config.pipeline"
    assert BROKEN in wrong["message"]


def test_a_key_of_two_packages_is_refused_with_both_names_and_their_others_run(site: Site, db: None) -> None:
    site.install("shop", WORKS + registers("nightly") + registers("shop-hourly"))
    job = make("python", {"pipeline": "nightly"}, key="nightly", parameters_schema=None)
    site.install("bakery", WORKS + registers("nightly") + registers("bakery-hourly"))
    assert {"shop-hourly", "bakery-hourly"} <= set(pipelines.pipelines())
    assert "nightly" not in pipelines.pipelines()
    told = "bakery (bakery_pipelines) and shop (shop_pipelines) both register 'nightly': neither runs it."
    assert message_of(work_off(job)) == told
    assert told in pipelines.troubles()


def test_a_package_cannot_take_a_key_that_the_operator_s_own_module_has(site: Site, db: None) -> None:
    site.install("shop", WORKS + registers("test-say"))
    assert pipelines.find("test-say").body.__module__ == "tests.pipelines"
    (told,) = pipelines.troubles()
    assert told == "shop (shop_pipelines) registers 'test-say', too: it stays that of tests.pipelines."
    assert succeed(make("python", {"pipeline": "test-say"}, key="own")).state == "succeeded"


def test_a_broken_package_does_not_take_along_what_another_registered_under_the_same_key(site: Site) -> None:
    site.install("bakery", WORKS + registers("nightly") + BREAKS)
    site.install("shop", WORKS + registers("nightly"))
    assert pipelines.find("nightly").body.__module__ == "shop_pipelines"
    site.install("tailor", WORKS + registers("nightly") + BREAKS)
    assert pipelines.find("nightly").body.__module__ == "shop_pipelines"
