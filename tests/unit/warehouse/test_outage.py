"""F40: an engine whose catalog or disk is gone says so in many ways; each is told from a wrong statement."""

import logging
from types import SimpleNamespace

import duckdb
import pytest

from jobs.engine import body
from jobs.runners.base import Kept
from portal.warehouse.errors import QueryFailed, WarehouseError, WarehouseFull, WarehouseUnavailable
from portal.warehouse.guarding import Watchdog, as_query_error

GONE = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally"
# What a real one said when its catalog's connections were broken off in the middle of a read.
BROKE_OFF = [
    duckdb.Error(f'Failed to execute query "ROLLBACK": {GONE}'),
    duckdb.Error('Failed to execute query "ROLLBACK": '),
    duckdb.InvalidInputException(
        "Invalid Input Error: Attempting to execute an unsuccessful or closed pending query result\n"
        f'Error: Invalid Error: Failed to prepare COPY "COPY (SELECT 1) TO STDOUT": {GONE}'
    ),
    duckdb.InvalidInputException(
        "Invalid Input Error: Attempting to fetch from an unsuccessful query result"
    ),
    duckdb.TransactionException(
        "TransactionContext Error: Failed to get data file list from DuckLake: Current transaction is aborted"
    ),
    duckdb.FatalException("FATAL Error: Failed: database has been invalidated because of a previous error"),
    duckdb.InternalException("INTERNAL Error: Attempted to access index 0 within vector of size 0"),
    duckdb.IOException(f'IO Error: Unable to connect to Postgres at "": host db.internal: {GONE}'),
    duckdb.IOException("IO Error: FATAL: terminating connection due to administrator command"),
]


class Engine:
    """One that nobody ever has to stop."""

    def interrupt(self) -> None:
        pytest.fail("its time was not over")


@pytest.mark.parametrize("error", BROKE_OFF, ids=lambda error: type(error).__name__)
def test_a_catalog_that_went_away_is_the_warehouse_s_fault(error: duckdb.Error) -> None:
    with pytest.raises(WarehouseUnavailable) as raised, as_query_error("SELECT 1"):
        raise error
    assert raised.value.error_class == "warehouse"
    assert str(raised.value).startswith(
        ("The connection to the lake broke off", "The lake cannot be reached")
    )


def test_a_statement_that_nobody_stopped_was_broken_off() -> None:
    engine = Engine()
    watchdog = Watchdog(engine)
    with pytest.raises(WarehouseUnavailable, match="broke off"), watchdog.within(60):
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")
    watchdog.close()


def test_a_full_disk_is_the_disk_s_fault() -> None:
    with pytest.raises(WarehouseFull, match="no space left") as raised, as_query_error():
        raise duckdb.IOException('IO Error: Could not write file "/x": No space left on device')
    assert raised.value.error_class == "storage_full"


@pytest.mark.parametrize(
    "sql", ["SELECT no_such", "SELECT error('the database is closed')", "SELECT 'x'::INT"]
)
def test_wrong_sql_stays_wrong_sql(sql: str) -> None:
    with pytest.raises(QueryFailed) as raised, as_query_error(sql):
        duckdb.connect().execute(sql).fetchall()
    assert raised.value.error_class == "user_code"


@pytest.mark.parametrize(
    ("error", "broken"), [(WarehouseUnavailable("gone"), True), (QueryFailed("wrong"), False)]
)
def test_an_engine_that_lost_its_catalog_answers_no_other_run(
    monkeypatch: pytest.MonkeyPatch, error: WarehouseError, broken: bool
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(body, "work", fail)
    kept = Kept()
    reporter = SimpleNamespace(tell=lambda message: None, stopped=False)
    status = body.do_work(None, reporter, logging.getLogger("run"), kept)  # type: ignore[arg-type]
    assert (status, kept.broken) == (body.EXIT_FAILED, broken)
