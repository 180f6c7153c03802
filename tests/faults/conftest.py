"""Fixtures of fault tests: they work on committed rows, as the processes they start do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from jobs.runners import pipelines
from tests.faults.invariants import assert_invariants
from tests.faults.own import OwnDatabase
from tests.faults.processes import Broker, Processes
from tests.lake import lake

__all__ = ["lake"]

# Not the audit trail: it refuses to be emptied, and nothing here reads it.
_TABLES = "jobs_run, jobs_job, jobs_pool, jobs_worker, jobs_clock"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what works on the test database: without a marked test none is made, and the real one is open."""
    for item in items:
        if isinstance(item, pytest.Function) and "committed" in item.fixturenames:
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="module")
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Open the database without a transaction around the test, and clear the tables of jobs afterwards."""
    with django_db_blocker.unblock():
        assert str(connection.settings_dict["NAME"]).startswith("test_"), (
            "tables are emptied only in a test database"
        )
        with pipelines_of_tests():
            _clear()
            yield
            _clear()
            connection.close()


@contextmanager
def pipelines_of_tests() -> Iterator[None]:
    """Let jobs of this process name the pipelines of tests."""
    before, settings.JOB_PIPELINES = settings.JOB_PIPELINES, ["tests.pipelines"]
    pipelines._load.cache_clear()
    try:
        yield
    finally:
        settings.JOB_PIPELINES = before
        pipelines._load.cache_clear()


@pytest.fixture(scope="session")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnDatabase]:
    """A PostgreSQL that tests may stop and freeze; made once, so who asks for it is in the group ``web``."""
    database = OwnDatabase(tmp_path_factory.mktemp("p"))
    try:
        yield database
    finally:
        database.remove()


@pytest.fixture(scope="module")
def own(own_database: OwnDatabase, django_db_blocker: DjangoDbBlocker) -> Iterator[OwnDatabase]:
    """That PostgreSQL as this module's database, with the jobs of tests."""
    with django_db_blocker.unblock(), own_database.entered(), pipelines_of_tests():
        _clear()
        yield own_database
        _clear()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Valkey of this module's own."""
    one = Broker(tmp_path_factory.mktemp("b"))
    yield one
    one.stop()


@pytest.fixture
def processes(committed: None, broker: Broker, tmp_path: Path) -> Iterator[Processes]:
    """Start processes for one test; whatever it killed, the invariants hold afterwards."""
    _clear()
    started = Processes(tmp_path, broker)
    try:
        yield started
        assert_invariants(var=tmp_path / "var")
    finally:
        started.stop()


def _clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_TABLES} CASCADE")
