"""The embedded servers: what they are allowed to do, and that they are the ones the tests run on."""

import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2
import pytest
import redis
from django.core.cache import cache
from django.db import connection
from kombu import Connection

from portal.configuration import celery_broker_url
from portal.embedded import postgres
from portal.embedded.places import LONGEST_FOLDER, Places
from portal.embedded.process import EmbeddedError, read_pidfile, remember
from portal.launch import gunicorn

embedded = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgresql://datadesk:"),
    reason="own servers are configured",
)


def ask(url: str, statement: str) -> object:
    with psycopg2.connect(url) as session, session.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    session.close()
    return row[0] if row else None


@embedded
@pytest.mark.parametrize("variable", ["DATABASE_URL", "LAKE_URL", "LAKE_READER_URL"])
def test_no_role_is_a_superuser(variable: str) -> None:
    assert (
        ask(
            os.environ[variable],
            "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user",
        )
        is False
    )


@embedded
def test_the_portals_role_cannot_enter_the_lake_nor_the_lakes_the_portal() -> None:
    for variable, database in (("DATABASE_URL", "lake"), ("LAKE_READER_URL", "datadesk")):
        url = os.environ[variable].rpartition("/")[0] + f"/{database}"
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(url)


@embedded
def test_the_lakes_reader_reads_what_the_lake_makes_later_and_writes_nothing() -> None:
    with psycopg2.connect(os.environ["LAKE_URL"]) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE SCHEMA made_later; CREATE TABLE made_later.t AS SELECT 7 AS n")
    try:
        assert ask(os.environ["LAKE_READER_URL"], "SELECT n FROM made_later.t") == 7
        denied = (psycopg2.errors.ReadOnlySqlTransaction, psycopg2.errors.InsufficientPrivilege)
        for statement in ("DELETE FROM made_later.t RETURNING n", "CREATE TEMP TABLE x AS SELECT 1"):
            with pytest.raises(denied):
                ask(os.environ["LAKE_READER_URL"], statement)
            # What a session may loosen by itself is no wall.
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                ask(os.environ["LAKE_READER_URL"], f"SET TRANSACTION READ WRITE; {statement}")
    finally:
        with owner, owner.cursor() as cursor:
            cursor.execute("DROP SCHEMA made_later CASCADE")
        owner.close()


@embedded
def test_a_server_without_the_password_lets_nobody_in() -> None:
    sockets = unquote(urlsplit(os.environ["DATABASE_URL"]).netloc.rpartition("@")[2].removesuffix(":5432"))
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host=sockets, user="datadesk", dbname="datadesk", password="guess")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=f"{sockets}/valkey.sock").ping()


@embedded
def test_neither_server_listens_on_tcp_and_valkey_never_evicts() -> None:
    assert ask(os.environ["DATABASE_URL"], "SHOW listen_addresses") == ""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert client.config_get("port")["port"] == "0"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("save")["save"] == ""


@embedded
def test_secrets_are_readable_by_their_owner_only() -> None:
    var = Path(os.environ["VAR"])
    for name in ("postgres", "valkey", "run", "log", "."):
        assert stat.S_IMODE((var / name).stat().st_mode) == 0o700, name
    for name in (
        "embedded.env",
        "postgres/passwords.json",
        "postgres/superuser",
        "valkey/password",
        "valkey/valkey.conf",
    ):
        assert stat.S_IMODE((var / name).stat().st_mode) == 0o600, name


def test_celery_speaks_to_the_broker_by_the_translated_address() -> None:
    with Connection(celery_broker_url(os.environ["REDIS_URL"])) as broker:
        assert broker.ensure_connection(max_retries=1).connected


@pytest.mark.parametrize(
    ("given", "translated"),
    [
        ("redis://host:6379/2", "redis://host:6379/2"),
        ("rediss://:pw@host/0", "rediss://:pw@host/0"),
        ("unix:///run/v.sock?db=3", "redis+socket:///run/v.sock?virtual_host=3"),
        ("unix://:pw@/run/v.sock", "redis+socket://:pw@/run/v.sock?virtual_host=0"),
    ],
)
def test_the_brokers_address_in_celerys_form(given: str, translated: str) -> None:
    assert celery_broker_url(given) == translated


def test_djangos_cache_uses_the_same_address() -> None:
    cache.set("embedded", "yes", 5)
    assert cache.get("embedded") == "yes"


@pytest.mark.django_db
def test_tests_run_on_a_database_of_their_own() -> None:
    assert str(connection.settings_dict["NAME"]).startswith("test_")


def test_a_pid_used_again_by_another_process_is_not_the_server(tmp_path: Path) -> None:
    remember(os.getpid(), tmp_path / "pid")
    assert read_pidfile(tmp_path / "pid") is not None
    (tmp_path / "pid").write_text(f"{os.getpid()} another-start\n")
    assert read_pidfile(tmp_path / "pid") is None


def test_sockets_of_a_long_path_go_to_a_short_private_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    places = Places(deep).ready()
    assert len(str(places.sockets)) <= LONGEST_FOLDER
    assert stat.S_IMODE(places.sockets.stat().st_mode) == 0o700
    places.sockets.rmdir()


def test_a_socket_folder_planted_by_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EmbeddedError, match="not a folder of yours"):
        Places(tmp_path).ready()


@embedded
def test_there_are_connections_for_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(os.environ["DATABASE_URL"], "SHOW max_connections") == str(postgres.connections())
    monkeypatch.setenv("WEB_PROCESSES", "40")
    assert postgres.connections() > 40 * gunicorn.threads
