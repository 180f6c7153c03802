"""Fixtures that every test may ask for."""

from collections.abc import Iterator

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations

from portal.accounts.models import User
from portal.demo.people import load_people
from portal.ui.translations import compile_catalogs


def pytest_configure(config: pytest.Config) -> None:
    """Compile the translations once, before any worker starts: a fresh clone has only their sources."""
    if not hasattr(config, "workerinput"):
        compile_catalogs()


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
        flush(self, [*switch("DISABLE"), *sql_list, *switch("ENABLE")])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush_past_it)
        yield
