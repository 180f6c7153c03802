"""Fixtures that every test may ask for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import OperationalError
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg2.errors import DeadlockDetected

from portal.accounts.models import User
from portal.demo.people import load_people
from portal.ui import navigation
from portal.ui.translations import compile_catalogs
from tests.receiver import Receiver

TESTS = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    """Compile the translations once, before any worker starts: a fresh clone has only their sources."""
    if not hasattr(config, "workerinput"):
        compile_catalogs()


# What a server of another kind could do differently: SQL, locks, ordering, JSON, search, wake-ups.
_SERVICE = (
    "api/",
    "faults/",
    "unit/discussion/",
    "unit/evidence/",
    "unit/jobs/",
    "unit/notifications/",
    "unit/portal/test_audit",
    "unit/requests/",
    "unit/search/",
    "unit/warehouse/",
)
# These start servers of their own kind, or try what the kernel does to a run's processes.
_OWN_SERVERS = (
    "faults/test_bodies.py",
    "faults/test_chaos.py",
    "faults/test_compose.py",
    "faults/test_crash_points.py",
    "faults/test_database_away.py",
    "faults/test_fenced.py",
    "faults/test_leaks.py",
    "faults/test_start.py",
    "faults/test_warm.py",
)
# These are about our code, the engine, files or signals, and meet the servers only as others do: the
# lake is published, read and changed by unit/warehouse, questions by the rest of unit/requests, claims by
# faults/test_broker.
_SAME_EVERYWHERE = (
    "faults/test_airflow.py",
    "faults/test_artifacts.py",
    "faults/test_broker_away.py",
    "faults/test_clock_jump.py",
    "faults/test_confined.py",
    "faults/test_deaf_pool.py",
    "faults/test_disk_full.py",
    "faults/test_fork_server.py",
    "faults/test_huge_cell.py",
    "faults/test_killed.py",
    "faults/test_kinds.py",
    "unit/evidence/test_verify.py",
    "unit/jobs/test_airflow_description.py",
    "unit/jobs/test_channels.py",
    "unit/jobs/test_dbt.py",
    "unit/jobs/test_documented_pipeline.py",
    "unit/jobs/test_extract_load.py",
    "unit/jobs/test_extract_sources.py",
    "unit/jobs/test_extract_tls.py",
    "unit/jobs/test_flights.py",
    "unit/jobs/test_large_load.py",
    "unit/jobs/test_packages.py",
    "unit/jobs/test_peek.py",
    "unit/jobs/test_quality_check.py",
    "unit/jobs/test_report.py",
    "unit/jobs/test_run_machine.py",
    "unit/jobs/test_sql_model.py",
    "unit/jobs/test_verify_answer.py",
    "unit/notifications/test_slack.py",
    "unit/notifications/test_smtp.py",
    "unit/requests/test_machine.py",
    "unit/requests/test_table.py",
    "unit/warehouse/test_linting.py",
    "unit/warehouse/test_staging.py",
)
_SERVICE_FIXTURES = frozenset({"committed", "db", "lake", "processes", "transactional_db"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as ``service`` what depends on what the database, lake or broker does: see tests/external.py."""
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        if not path.startswith(_SERVICE) or path.startswith((*_OWN_SERVERS, *_SAME_EVERYWHERE)):
            continue
        asked = _SERVICE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if asked or item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.service)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop where xdist would not keep groups together: what they share would be used by two at once."""
    if not getattr(session.config.option, "loadgroup", False):
        return
    alone = [
        each for each in session.items if each.get_closest_marker("xdist_group") and "@" not in each.nodeid
    ]
    if alone:
        message = (
            f"pytest {pytest.__version__} and pytest-xdist do not keep groups together: {alone[0].nodeid}"
        )
        raise pytest.UsageError(message)


class Cast:
    """The six people of the product page, by first name."""

    ada: User
    ben: User
    cleo: User
    dan: User
    eun: User
    finn: User

    def __init__(self) -> None:
        vars(self).update(load_people())


@pytest.fixture
def cast(db: None) -> Cast:
    """Ada, Ben, Cleo, Dan, Eun and Finn, in their teams."""
    return Cast()


@pytest.fixture(scope="session", autouse=True)
def _flush_the_audit_trail_too() -> Iterator[None]:
    """Let the flush after a test with real transactions past the triggers that refuse TRUNCATE."""
    flush = DatabaseOperations.execute_sql_flush
    guards = {"audit_auditevent": "audit_no_truncate", "audit_auditseal": "audit_seal_no_truncate"}

    def switch(word: str) -> list[str]:
        return [f"ALTER TABLE {table} {word} TRIGGER {trigger}" for table, trigger in guards.items()]

    def flush_past_it(self: DatabaseOperations, sql_list: list[str]) -> None:
        # A worker that a whole module shares still polls: of two waiting for each other one is ended.
        for patience in range(10):
            try:
                flush(self, [*switch("DISABLE"), *sql_list, *switch("ENABLE")])
            except OperationalError as error:
                if patience == 9 or not isinstance(error.__cause__, DeadlockDetected):
                    raise
            else:
                return

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush_past_it)
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little() -> Iterator[None]:
    """Hash passwords as the portal does, in fewer rounds; the processes that tests start take all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1000)
        yield


@pytest.fixture(autouse=True)
def _counts_beside_the_menu_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the menu counted: it is asked again every few seconds, and tests pin a page's queries."""
    monkeypatch.setattr(navigation, "_BADGE_SECONDS", 3600)


@pytest.fixture
def files(settings: Any, tmp_path: Path) -> Path:
    """An empty folder of source files."""
    folder = tmp_path / "files"
    folder.mkdir()
    settings.SOURCE_FOLDER = str(folder)
    return folder


@pytest.fixture
def server(settings: Any) -> Iterator[Receiver]:
    """Another system on this machine, which the portal may call."""
    with Receiver() as running:
        settings.OUTGOING_ALLOW = (("127.0.0.1", running.port),)
        yield running
