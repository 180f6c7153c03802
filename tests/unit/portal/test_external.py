"""The second environment leaves nothing behind, also after a run that was killed."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
import redis
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from portal.embedded.places import Places
from portal.embedded.postgres import PORT, Postgres
from tests import external

pytestmark = pytest.mark.skipif(
    "@%2F" not in os.environ["DATABASE_URL"], reason="needs the superuser of the embedded server"
)


@pytest.fixture
def database() -> str:
    """The embedded server plays the second environment."""
    places = Places(Path(os.environ["VAR"]))
    password = Postgres(places)._passwords()["postgres"]
    return f"postgresql://postgres:{password}@{quote(str(places.sockets), safe='')}:{PORT}/postgres"


@pytest.fixture
def superuser(database: str) -> Iterator[Cursor]:
    with closing(psycopg2.connect(database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


def left(superuser: Cursor, broker: redis.Redis, mark: str) -> tuple[int, int, int]:
    """Return how many roles, databases and keys bear this mark."""
    superuser.execute(
        "SELECT (SELECT count(*) FROM pg_roles WHERE rolname ~ %s),"
        " (SELECT count(*) FROM pg_database WHERE datname ~ %s)",
        [mark, mark],
    )
    row = superuser.fetchone()
    assert row is not None
    return *row, len(list(broker.scan_iter(f"{mark}*")))


def test_it_takes_away_what_it_made(database: str, superuser: Cursor, broker: redis.Redis) -> None:
    with external.environment(database, os.environ["REDIS_URL"]) as variables:
        mark = variables["REDIS_PREFIX"]
        with closing(psycopg2.connect(variables["DATABASE_URL"])) as own:
            own.autocommit = True
            own.cursor().execute(f"CREATE DATABASE test_{mark}_datadesk")
        broker.set(f"{mark}-gw0:cache:1:a", 1)
        assert left(superuser, broker, mark) == (3, 3, 1)
        assert external.sweep(superuser, os.environ["REDIS_URL"]) == [], "a living run is left alone"
    assert left(superuser, broker, mark) == (0, 0, 0)


def test_the_next_run_takes_away_what_a_killed_one_left(
    database: str, superuser: Cursor, broker: redis.Redis
) -> None:
    mark = "desk_tests_0123abcd"
    external._create(superuser, database, external._names(mark), dict.fromkeys(external.PARTS, "x"))
    broker.set(f"{mark}-gw0:cache:1:a", 1)
    broker.set("desk_tests_nobody", 1, ex=60)
    assert external.sweep(superuser, os.environ["REDIS_URL"]) == [mark]
    assert left(superuser, broker, mark) == (0, 0, 0)
    assert broker.delete("desk_tests_nobody") == 1


@pytest.mark.parametrize(
    ("given", "problem", "words"),
    [
        ({}, external.Skipped, "TEST_DATABASE_URL and TEST_REDIS_URL are not set"),
        ({"TEST_REDIS_URL": "redis://h/0"}, external.External, "TEST_DATABASE_URL is not set"),
        ({"TEST_DATABASE_URL": "postgresql://h/d"}, external.External, "TEST_REDIS_URL is not set"),
    ],
)
def test_it_says_why_it_does_not_run(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], problem: type[Exception], words: str
) -> None:
    for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(problem, match=words):
        external.addresses()
