"""Databases whose certificate a job verifies: the right one passes, all others say what to do."""

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymysql
import pytest
from django.db import connection
from pydantic import ValidationError

from jobs.actions import secrets
from jobs.models import Job
from jobs.runners.load_config import ExtractLoadConfig
from portal.outgoing import reach
from tests.conftest import Cast
from tests.lake import Lake
from tests.tls import Authority, of_mysql, of_postgresql, secured
from tests.unit.jobs.loading import TESTS, make, message_of, succeed, work_off


@dataclass(frozen=True)
class Place:
    """A database behind TLS, with a certificate for 127.0.0.1."""

    source: dict[str, Any]
    authority: Authority

    def load(self, key: str, **changes: Any) -> Job:
        config = {"source": {**self.source, **changes}, "target": "sales.orders"}
        # One job fills a table: the one before gives way.
        Job.objects.filter(config__target="sales.orders").update(enabled=False)
        return make("extract_load", config, key=key)


def _place(settings: Any, cast: Cast, authority: Authority, port: int, password: str, **source: Any) -> Place:
    settings.OUTGOING_ALLOW = (("127.0.0.1", port), ("localhost", port))
    secrets.add(
        name="database",
        value=password,
        purpose="tests",
        hosts=["127.0.0.1", "localhost"],
        user=cast.dan,
        by=TESTS,
    )
    usual = {"host": "127.0.0.1", "port": port, "secret": "database", "sql": "SELECT 1 AS id"}
    return Place({**usual, **source}, authority)


@pytest.fixture
def pg(settings: Any, cast: Cast, tmp_path: Path) -> Iterator[Place]:
    own = connection.settings_dict
    host, port = str(own["HOST"]), int(own["PORT"] or 5432)

    def connect() -> socket.socket:
        if not host.startswith("/"):
            return socket.create_connection((host, port), timeout=20)
        found = socket.socket(socket.AF_UNIX)
        found.connect(f"{host}/.s.PGSQL.{port}")
        return found

    authority = Authority.make("authority")
    names = {"type": "postgresql", "database": str(own["NAME"]), "user": str(own["USER"])}
    with secured(connect, of_postgresql, authority.sign("127.0.0.1"), tmp_path) as at:
        yield _place(settings, cast, authority, at, str(own["PASSWORD"]), **names)


@pytest.fixture
def mysql(settings: Any, cast: Cast, tmp_path: Path) -> Iterator[Place]:
    try:
        server = pymysql.connect(host="127.0.0.1", user="root", database="test", autocommit=True)
    except (pymysql.MySQLError, OSError) as error:
        pytest.skip(f"MariaDB on 127.0.0.1:3306 does not let root in: {error}")
    authority, user = Authority.make("authority"), f"dd_{uuid4().hex[:12]}"
    names = {"type": "mysql", "database": "test", "user": user}

    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", 3306), timeout=20)

    with closing(server), server.cursor() as cursor:
        cursor.execute(f"CREATE USER {user}@'%' IDENTIFIED BY 'hush-hush-42'")
        cursor.execute(f"GRANT SELECT ON test.* TO {user}@'%'")
        try:
            with secured(connect, of_mysql, authority.sign("127.0.0.1"), tmp_path) as at:
                yield _place(settings, cast, authority, at, "hush-hush-42", **names)
        finally:
            cursor.execute(f"DROP USER {user}@'%'")


@pytest.mark.parametrize("kind", ["pg", "mysql"])
def test_the_right_authority_and_host_pass_and_others_say_what_to_do(
    lake: Lake, request: pytest.FixtureRequest, kind: str
) -> None:
    place: Place = request.getfixturevalue(kind)
    succeed(place.load("right", ca=place.authority.pem))
    # Of several certificates one is enough, as in a bundle.
    other = Authority.make("other").pem
    succeed(place.load("bundle", ca=other + place.authority.pem))

    # The same name, another key: a stranger cannot call himself our authority.
    for number, stranger in enumerate((other, Authority.make("authority").pem)):
        run = work_off(place.load(f"stranger-{number}", ca=stranger))
        assert run.error["class"] == "refused"
        assert "not signed by the authority of the job (ca): put the certificate of" in message_of(run)

    run = work_off(place.load("other-host", ca=place.authority.pem, host="localhost"))
    assert run.error["class"] == "refused"
    assert "is for another host than localhost: write the host that it is for" in message_of(run)

    # A host of OUTGOING_ALLOW is not verified where the job names no authority.
    succeed(place.load("unverified"))
    assert lake.ask("SELECT id FROM sales.orders").rows == [(1,)]


def test_without_an_authority_of_its_own_a_public_host_needs_a_public_one(
    lake: Lake, pg: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def public(host: str, port: int, patience: float) -> Any:
        destination, addresses = reach(host, port, patience)
        return replace(destination, allowed=False), addresses

    # This machine has no public address to be called at.
    monkeypatch.setattr("jobs.runners.extraction.postgresql.reach", public)
    run = work_off(pg.load("public"))
    assert run.error["class"] == "refused"
    assert "not signed by a public authority: put the certificate of the authority" in message_of(run)
    succeed(pg.load("own", ca=pg.authority.pem))


def test_a_database_without_tls_is_not_read_where_an_authority_is_named(
    lake: Lake, settings: Any, cast: Cast
) -> None:
    try:
        pymysql.connect(host="127.0.0.1", user="root", database="test").close()
    except (pymysql.MySQLError, OSError) as error:
        pytest.skip(f"MariaDB on 127.0.0.1:3306 does not let root in: {error}")
    settings.OUTGOING_ALLOW = (("127.0.0.1", 3306), ("127.0.0.1", 5432))
    secrets.add(name="any", value="none", purpose="tests", hosts=["127.0.0.1"], user=cast.dan, by=TESTS)
    source = {"host": "127.0.0.1", "user": "root", "secret": "any", "database": "test", "table": "x"}
    source["ca"] = Authority.make("authority").pem
    run = work_off(make("extract_load", {"source": {"type": "mysql", **source}, "target": "a.b"}))
    assert run.error["class"] == "refused"
    assert "The database speaks no TLS: switch it on there." in message_of(run)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_only_certificates_are_taken(kind: str) -> None:
    authority = Authority.make("authority")
    _, key = authority.sign("127.0.0.1")
    source = {"type": kind, "host": "db.example.com", "database": "d", "user": "u", "secret": "s"}
    for ca, words in (("yes", "no certificate in PEM"), (authority.pem + key, "holds a private key")):
        with pytest.raises(ValidationError, match=words):
            ExtractLoadConfig.model_validate({"source": {**source, "table": "t", "ca": ca}, "target": "a.b"})
    config = {"source": {**source, "table": "t", "ca": f"\n{authority.pem}\n"}, "target": "a.b"}
    assert ExtractLoadConfig.model_validate(config).source.ca == authority.pem.strip()
