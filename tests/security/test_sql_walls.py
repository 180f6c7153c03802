"""Attacks on what stands behind the linter: the locked reader, its role, the kernel, and the limits."""

import ctypes
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
import pytest
from django.conf import settings as django_settings
from django.core.checks.registry import registry
from django.db import connection

from portal.embedded.roles import READER_CONNECTIONS, READER_SETTINGS, REVOKED
from portal.warehouse import attaching
from portal.warehouse.errors import QueryTimeout, QueryTooLarge, WarehouseError, WarehouseUnavailable
from portal.warehouse.port import Warehouse
from portal.warehouse.reader_checks import check_reader
from tests.lake import Lake
from tests.unit.warehouse.statements import BAD, FLIGHTS, WEATHER

# What only the linter refuses. Masks and visibility are its own; the rest tells nothing secret.
MASKED = frozenset(
    sql for sql in BAD if "tailnum" in sql or " f FROM ops.flights f" in sql or "(f)" in sql
) | {
    "SELECT * FROM ops.flights",
    "SELECT * FROM range(3), ops.flights",
    "SELECT COLUMNS('t.*') FROM ops.flights",
    "SELECT * FROM lake.ops.flights",
    "SELECT * FROM query_table('ops.flights')",
    "SELECT * FROM ops.flights TABLESAMPLE 10%",
    "PIVOT ops.flights ON month USING count(*)",
}
TELLS = frozenset(
    {
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT current_setting('lock_configuration')",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM pg_catalog.pg_tables",
        "SELECT sql FROM sqlite_master",
        "SELECT * FROM __ducklake_metadata_lake.ducklake.ducklake_snapshot",
        "SELECT random()",
        "SELECT 1 FROM ops.flights USING SAMPLE 10",
        "SELECT * FROM query('SELECT 1')",
        "SELECT rowid FROM ops.flights",
        "SELECT write_log('x')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SELECT current_query()",
        "SELECT version()",
        "DESCRIBE ops.flights",
        "SHOW TABLES",
        "PRAGMA database_list",
    }
)
KERNEL = frozenset({"SELECT * FROM ducklake_cleanup_old_files('lake', cleanup_all => true)"})


def fill(lake: Lake, *, run: int = 1) -> None:
    for target, names in (
        ("ops.flights", FLIGHTS),
        ("ops.weather", WEATHER),
        ("ops.airlines", ["carrier", "name"]),
    ):
        columns = ", ".join(f"range AS {name}" for name in names)
        lake.publish(target, f"SELECT {columns} FROM range(3000)", run_id=f"run-{run}")  # noqa: S608


@pytest.fixture
def reader(lake: Lake) -> Iterator[Warehouse]:
    fill(lake)
    with lake.reader() as warehouse:
        yield warehouse


# --- A24: what the reader itself refuses


def test_a24_behind_the_linter_the_reader_refuses_what_could_harm(lake: Lake, reader: Warehouse) -> None:
    """The table of the second wall: whatever the reader lets through stands in a list above, and no more."""
    assert len(set(BAD)) >= 60
    passed: dict[str, str] = {}
    for sql in sorted(set(BAD) - KERNEL):
        try:
            found = reader.read(sql.replace(".ducklake.", f".{lake.schema}."), limit=100, timeout=10)
        except WarehouseError:
            continue
        passed[sql] = repr(found.rows)
    assert passed.keys() <= MASKED | TELLS, sorted(passed.keys() - MASKED - TELLS)
    assert TELLS - passed.keys() <= {"DESCRIBE ops.flights", "SHOW TABLES", "PRAGMA database_list"}
    password = urlsplit(django_settings.LAKE_READER_URL).password
    assert password
    assert [sql for sql, told in passed.items() if password in told] == []
    assert reader.row_count("ops.flights") == 3000


HOSTILE = """
import json, sys
import django
django.setup()
from jobs.engine.confined import confine_body
confine_body(write=[])
from portal.warehouse import connect
told = {}
with connect(read_only=True) as warehouse:
    for sql in json.loads(sys.argv[1]):
        try:
            told[sql] = repr(warehouse._connection(None).execute(sql).fetchall())
        except Exception as error:
            told[sql] = "refused " + type(error).__name__
print(json.dumps(told))
"""


def test_a24_what_the_engine_would_let_through_to_the_files_the_kernel_refuses(
    lake: Lake, has_landlock: None
) -> None:
    fill(lake)
    fill(lake, run=2)
    with lake.writer() as warehouse:
        warehouse._connection(None).execute(  # type: ignore[attr-defined]
            "CALL ducklake_expire_snapshots('lake', older_than => now() + INTERVAL 1 DAY)"
        )
    folder = Path(django_settings.LAKE_DATA)
    before = sorted(folder.rglob("*.parquet"))
    attacks = [
        *KERNEL,
        f"COPY (SELECT 1) TO '{folder}/planted.parquet' (FORMAT parquet)",
        f"COPY (SELECT 1) TO '{before[0]}' (FORMAT parquet)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, json.dumps([*attacks, "SELECT count(*) FROM ops.flights"])],
        env=lake.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told.pop("SELECT count(*) FROM ops.flights") == "[(3000,)]"
    assert {words.split()[0] for words in told.values()} == {"refused"}, told
    assert sorted(folder.rglob("*.parquet")) == before


@pytest.fixture
def has_landlock() -> None:
    if ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1:
        pytest.skip("this kernel has no Landlock")


# --- A25: the role

# As an attacker would begin: what a session may loosen by itself is no wall.
LOOSEN = (
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; SET default_transaction_read_only = off;"
    " SET statement_timeout = '20s'"
)
DENIED = (
    "INSERT INTO {schema}.ducklake_metadata VALUES ('a', 'b')",
    "UPDATE {schema}.ducklake_table SET table_name = 'x'",
    "DELETE FROM {schema}.ducklake_data_file",
    "TRUNCATE {schema}.ducklake_table",
    "DROP TABLE {schema}.ducklake_table",
    "ALTER TABLE {schema}.ducklake_table ADD COLUMN x int",
    "SELECT * FROM {schema}.ducklake_table FOR UPDATE",
    "BEGIN; LOCK TABLE {schema}.ducklake_table IN ACCESS EXCLUSIVE MODE",
    "CREATE TABLE {schema}.mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE TEMP TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION {schema}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DO $$ BEGIN CREATE TEMP TABLE mine (a int); END $$",
    "CREATE DATABASE mine",
    "CREATE ROLE mine",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1",
    "ALTER SYSTEM SET jit = off",
    "GRANT SELECT ON pg_authid TO PUBLIC",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "SET temp_file_limit = -1",
    "COPY (SELECT 1) TO '/tmp/planted'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY {schema}.ducklake_metadata FROM '/etc/passwd'",
    "COPY {schema}.ducklake_metadata FROM PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_stat_file('/')",
    "SELECT pg_current_logfile()",
    "SELECT pg_reload_conf()",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT lo_creat(-1)",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT lo_unlink(1)",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/planted')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock(1)",
    "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_physical_replication_slot('mine')",
    "CREATE EXTENSION IF NOT EXISTS file_fdw",
    "LOAD 'auto_explain'",
    "SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t(a int)",
    "CHECKPOINT",
)
# No right; no such function or extension installed; no schema; not with this server's settings.
REFUSALS = {"42501", "42883", "0A000", "3F000", "55000", "58P01"}


def as_reader(statement: str, *, loosen: bool = True) -> Any:
    """Run one statement as the reader; return the refusal's code, or None."""
    with closing(psycopg2.connect(django_settings.LAKE_READER_URL)) as session:
        session.autocommit = True
        with session.cursor() as cursor:
            if loosen:
                cursor.execute(LOOSEN)
            try:
                cursor.execute(statement)
            except psycopg2.Error as error:
                return error.pgcode
    return None


def test_a25_the_reader_s_role_may_only_read(lake: Lake) -> None:
    lake.publish("t.facts", "SELECT 1 AS x")
    names = {"schema": lake.schema, "owner": urlsplit(django_settings.LAKE_URL).username or ""}
    assert as_reader(f"SELECT * FROM {lake.schema}.ducklake_table") is None  # noqa: S608
    answers = {
        sql: as_reader(sql.replace("{schema}", names["schema"]).replace("{owner}", names["owner"]))
        for sql in DENIED
    }
    assert {sql: code for sql, code in answers.items() if code not in REFUSALS} == {}
    assert lake.ask("SELECT x FROM t.facts").rows == [(1,)]


def test_a25_without_a_word_of_its_own_a_session_only_reads_and_ends() -> None:
    assert as_reader("ALTER ROLE CURRENT_USER PASSWORD 'x'", loosen=False) == "25006"
    assert as_reader("ALTER ROLE CURRENT_USER SET statement_timeout = 0", loosen=False) == "25006"
    with closing(psycopg2.connect(django_settings.LAKE_READER_URL)) as session, session.cursor() as cursor:
        for name, value in READER_SETTINGS.items():
            cursor.execute("SELECT current_setting(%s)", [name])
            (kept,) = cursor.fetchall()[0]
            assert kept in {value, value.replace("60s", "1min")}, name
        cursor.execute("SELECT rolconnlimit, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (READER_CONNECTIONS, False)


def test_a25_the_reader_enters_no_other_database() -> None:
    parts = urlsplit(django_settings.LAKE_READER_URL)
    portal = urlsplit(os.environ["DATABASE_URL"]).path
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(urlunsplit(parts._replace(path=portal)))


@pytest.mark.django_db
def test_a25_the_reader_ends_nobody_s_session_and_reads_nobody_s_statements() -> None:
    with closing(psycopg2.connect(django_settings.LAKE_URL)) as owner, owner.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), 'a secret'")
        with connection.cursor() as portal:
            portal.execute("SELECT pg_backend_pid()")
            pids = [cursor.fetchall()[0][0], portal.fetchall()[0][0]]
        for pid in pids:
            assert as_reader(f"SELECT pg_terminate_backend({pid})") == "42501"
            assert as_reader(f"SELECT pg_cancel_backend({pid})") == "42501"
        with closing(psycopg2.connect(django_settings.LAKE_READER_URL)) as session, session.cursor() as asked:
            asked.execute("SELECT query FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])
            assert {row[0] for row in asked.fetchall()} == {"<insufficient privilege>"}
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def superuser_address() -> str:
    """Return a superuser's address of the lake's database."""
    kept = Path(os.environ["VAR"]) / "postgres" / "passwords.json"
    lake = urlsplit(django_settings.LAKE_URL)
    if kept.exists():
        login = f"postgres:{quote(json.loads(kept.read_text())['postgres'])}"
        return urlunsplit(lake._replace(netloc=f"{login}@{lake.netloc.rpartition('@')[2]}"))
    given = os.environ.get("TEST_DATABASE_URL")
    if not given:
        pytest.skip("no superuser's login is known here")
    return urlunsplit(urlsplit(given)._replace(path=lake.path))


def test_a25_a_real_superuser_is_refused_as_reader(lake: Lake, settings: Any) -> None:
    lake.publish("t.facts", "SELECT 1 AS x")
    settings.LAKE_READER_URL = superuser_address()
    with closing(psycopg2.connect(settings.LAKE_READER_URL)) as session, session.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (True,)
    with pytest.raises(WarehouseUnavailable, match="superuser"):
        lake.reader()


def test_a25_the_system_check_tells_of_a_reader_who_may_write(settings: Any) -> None:
    def told() -> list[str | None]:
        return [message.id for message in check_reader(["default"])]

    assert told() == []
    settings.LAKE_READER_URL = settings.LAKE_URL
    assert told() == ["warehouse.W001"]
    settings.LAKE_READER_URL = superuser_address()
    assert told() == ["warehouse.E001"]
    assert check_reader(None) == []
    assert any(check is check_reader for check in list[object](registry.get_checks()))


def test_a25_the_script_for_compose_says_the_same_of_the_reader() -> None:
    script = (Path(django_settings.BASE_DIR) / "docker" / "create-roles.sh").read_text()
    assert dict(re.findall(r"ALTER ROLE lake_reader SET (\w+) = '(\w+)';", script)) == READER_SETTINGS
    assert f"ALTER ROLE lake_reader CONNECTION LIMIT {READER_CONNECTIONS};" in script
    assert sorted(re.findall(r"'((?:lo|pg)_?\w+|lowrite)'", script.partition("proname IN")[2])) == sorted(
        REVOKED
    )


# --- A26: time, memory, disk


ENDLESS = (
    "SELECT count(*) FROM range(1000000) a, range(1000000) b",
    "SELECT sum(range) FROM range(1000000000000)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    "SELECT range FROM range(1000000000) ORDER BY hash(range) DESC",
    "SELECT list(range) FROM range(100000000000)",
)


def _peak() -> int:
    """The most memory that this process ever had, in MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024  # type: ignore[index]


def test_a26_what_has_no_end_is_stopped_in_time_and_within_its_memory(lake: Lake, settings: Any) -> None:
    settings.LAKE_MEMORY = "200MB"
    lake.publish("t.facts", "SELECT 1 AS x")
    with lake.reader() as warehouse:
        before = _peak()
        for sql in ENDLESS:
            began = time.monotonic()
            with pytest.raises((QueryTimeout, QueryTooLarge)):
                warehouse.read(sql, limit=1000, timeout=2)
            assert time.monotonic() - began <= 2 + 2, sql
        # What the engine itself takes beside that limit varies by some tens of MB.
        assert _peak() - before < 200 + 200
        assert warehouse.read("SELECT x FROM t.facts", limit=1, timeout=10).rows == [(1,)]


def test_a26_a_large_answer_is_read_piece_by_piece(reader: Warehouse) -> None:
    found = reader.read("SELECT range, repeat('x', 1000) FROM range(1000000000000)", limit=1000, timeout=10)
    assert (len(found.rows), found.cut) == (1000, True)


def test_a26_sorting_more_than_the_memory_spills_only_so_much(
    lake: Lake, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LAKE_MEMORY = "100MB"
    monkeypatch.setattr(attaching, "_SPILL", "30MB")
    lake.publish("t.facts", "SELECT 1 AS x")
    with lake.reader() as warehouse:
        with pytest.raises(QueryTooLarge):
            warehouse.read(
                "SELECT range, hash(range) AS h FROM range(10000000) ORDER BY h", limit=10, timeout=180
            )
        spilt = sum(
            path.stat().st_size for path in (settings.VAR / "tmp" / "duckdb").rglob("*") if path.is_file()
        )
        assert spilt <= 30 * 1024**2


# The peak of this memory image alone: ru_maxrss would begin with what the test's process had when it forked.
HUGE_CELL = """
import re, resource
from pathlib import Path
import django
django.setup()
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
from portal.warehouse import connect
from portal.warehouse.errors import QueryTooLarge
with connect(read_only=True) as warehouse:
    try:
        warehouse.read("SELECT length(repeat('x', 2000000000))", limit=1, timeout=5)
    except QueryTooLarge:
        peak = re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]
        print("refused", int(peak) // 1024)
"""


def test_a26_a_huge_cell_meets_the_limit_of_a_run_s_process(lake: Lake) -> None:
    """The engine does not count a single value; a run's process may have no more data (RUN_MEMORY_MB)."""
    lake.publish("t.facts", "SELECT 1 AS x")
    assert 0 < django_settings.RUN_MEMORY_MB <= 4096
    done = subprocess.run(
        [sys.executable, "-c", HUGE_CELL],
        env=lake.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    word, peak = done.stdout.split()
    assert (word, int(peak) < 1024) == ("refused", True)
