"""Pipelines for tests only; JOB_PIPELINES names this module where tests start workers."""

import ctypes
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

from django.db import connection
from pydantic import BaseModel, Field

from jobs.engine.fork_server import TITLE
from jobs.models import Job
from jobs.runners.base import Context, Step
from jobs.runners.pipelines import pipeline
from portal.said import said


class Seconds(BaseModel):
    """How long."""

    seconds: float = Field(default=0.0, ge=0)
    note: str = ""


class Faulty(Exception):
    """An error that says whose fault it is."""

    error_class = "bad_input"


@pipeline("test-nothing", name_en="Nothing", name_ko="아무것도 안 함", parameters=Seconds)
def nothing(context: Context) -> dict[str, Any]:
    return {}


@pipeline(
    "test-say",
    name_en="Say",
    name_ko="말하기",
    parameters=Seconds,
    steps=[Step("say", "Say"), Step("end", "End")],
)
def say(context: Context) -> dict[str, Any]:
    with context.step("say"):
        print("plain words")  # noqa: T201
        context.log.warning("a warning %s", context.params.note)
        context.progress(0.5, "half")
    with context.step("end"):
        sys.stderr.write("to stderr\n")
    return {"note": context.params.note, "attempt": context.attempt, "pid": os.getpid()}


def _supervisor() -> int:
    """Return the pool child that supervises us: our parent, or the parent of the fork server that is."""
    parent = os.getppid()
    # A warm process may not look: it is confined, and its parent is the supervisor.
    with suppress(PermissionError):
        process = pathlib.Path(f"/proc/{parent}")
        if TITLE.encode() in (process / "cmdline").read_bytes():
            return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return parent


@pipeline("test-sleep", name_en="Sleep", name_ko="잠자기", parameters=Seconds)
def sleep(context: Context) -> dict[str, Any]:
    print(f"asleep {os.getpid()} {_supervisor()}", flush=True)  # noqa: T201
    time.sleep(context.params.seconds)
    return {"slept": context.params.seconds}


@pipeline("test-sleep-once", name_en="Sleep once", name_ko="한 번만 잠자기", parameters=Seconds)
def sleep_once(context: Context) -> dict[str, Any]:
    """Sleep in the first attempt; later ones are quick."""
    print(f"asleep {os.getpid()} {_supervisor()}", flush=True)  # noqa: T201
    if context.fence == 1:
        time.sleep(context.params.seconds)
    return {"fence": context.fence}


@pipeline("test-converted", name_en="Convert", name_ko="중단을 오류로 바꿈")
def converted(context: Context) -> dict[str, Any]:
    """Do as a library does that answers an interruption with an error of its own."""
    print("asleep", flush=True)  # noqa: T201
    try:
        time.sleep(60)
    except BaseException as error:
        raise RuntimeError("Query interrupted") from error
    return {}


@pipeline("test-deaf", name_en="Deaf", name_ko="신호를 무시함")
def deaf(context: Context) -> dict[str, Any]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)  # noqa: T201
    while True:
        pass


@pipeline("test-segfault", name_en="Crash", name_ko="비정상 종료")
def segfault(context: Context) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


@pipeline("test-bad-input", name_en="Bad input", name_ko="잘못된 입력")
def bad_input(context: Context) -> dict[str, Any]:
    raise Faulty("line 7: not a number")


class Unanswered(Exception):
    error_class = "elsewhere"


@pipeline("test-unanswered", name_en="Unanswered", name_ko="무응답")
def unanswered(context: Context) -> dict[str, Any]:
    raise Unanswered(said("It did not answer within %(seconds)s seconds.", seconds=3))


@pipeline("test-strange", name_en="Strange", name_ko="이상한 말", parameters=Seconds)
def strange(context: Context) -> dict[str, Any]:
    """Tell what no column can keep: not a number, NUL, half a character."""
    context.begin_step("half \ud83d and \0")
    context.progress(float("nan"), "nul \0 and \udcff")
    time.sleep(context.params.seconds)
    if context.params.note:
        raise Faulty(f"no such file: {context.params.note}-\udcff.csv")
    return {}


@pipeline("test-slow-query", name_en="Slow query", name_ko="느린 쿼리")
def slow_query(context: Context) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")
    return {}


@pipeline("test-raise", name_en="Raise", name_ko="예외")
def raise_error(context: Context) -> dict[str, Any]:
    raise ValueError("something of ours")


@pipeline("test-memory", name_en="Memory", name_ko="메모리")
def memory(context: Context) -> dict[str, Any]:
    return {"size": len(bytearray(8 * 1024**3))}


@pipeline("test-flood", name_en="Flood", name_ko="로그 폭주")
def flood(context: Context) -> dict[str, Any]:
    out = sys.stdout.buffer
    out.write(b"\xff\xfe broken \x00 bytes\n")
    out.write(b"token ddesk_abcdefghijklmnopqrstuvwxyz0123456789\n")
    rest = b"x" * 1000
    for number in range(1_000_000):
        out.write(b"line %d %s\n" % (number, rest))
    out.flush()
    return {}


@pipeline("test-logger", name_en="Logger", name_ko="로거")
def use_logger(context: Context) -> dict[str, Any]:
    logging.getLogger("some.library").warning("from a library")
    context.log.error("first\nsecond")
    return {}


@pipeline("test-orphan", name_en="Orphan", name_ko="고아 프로세스")
def orphan(context: Context) -> dict[str, Any]:
    """Leave a grandchild behind that holds the pipes open."""
    child = subprocess.Popen(["sleep", "300"])
    return {"child": child.pid}


@pipeline("test-database", name_en="Database", name_ko="데이터베이스")
def database(context: Context) -> dict[str, Any]:
    """Use the database from the body, on a connection of its own."""
    return {"jobs": Job.objects.count(), "folder": str(context.folder), "there": context.folder.is_dir()}


class Path(BaseModel):
    """Which file."""

    path: str


@pipeline("test-append", name_en="Append", name_ko="덧붙이기", parameters=Path)
def append(context: Context) -> dict[str, Any]:
    """Leave a trace of each execution outside the database."""
    descriptor = os.open(context.params.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, b"once\n")
    os.close(descriptor)
    return {}


class Trace(BaseModel):
    """Where to leave a trace of each execution, and how long it takes."""

    path: str
    seconds: float = Field(default=0.0, ge=0)


@pipeline("test-trace", name_en="Trace", name_ko="흔적", parameters=Trace)
def trace(context: Context) -> dict[str, Any]:
    """Say when it begins and ends: what ends it in between leaves a beginning alone."""
    with open(context.params.path, "a") as file:  # noqa: PTH123
        file.write(f"{context.run_id} {context.fence} begins\n")
        file.flush()
        time.sleep(context.params.seconds)
        file.write(f"{context.run_id} {context.fence} ends\n")
    return {"fence": context.fence}


@pipeline("test-process", name_en="Process", name_ko="프로세스 들여다보기")
def look_at_process(context: Context) -> dict[str, Any]:
    """Tell what this process has loaded; inline that is the supervisor itself."""
    heavy = {"duckdb", "pyarrow", "numpy", "pandas", "vl_convert", "metricflow", "sqlglot"}
    return {
        "pid": os.getpid(),
        "heavy": sorted(heavy & set(sys.modules)),
        "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208
        "descriptors": sorted(os.listdir("/proc/self/fd"), key=int),  # noqa: PTH208
    }


@pipeline("test-when", name_en="When", name_ko="언제")
def when(context: Context) -> dict[str, Any]:
    """Tell when user code began."""
    return {"at": time.time()}


class Statement(BaseModel):
    """One SELECT."""

    sql: str = "SELECT 1"


@pipeline("test-read", name_en="Read", name_ko="읽기", parameters=Statement)
def read(context: Context) -> dict[str, Any]:
    print(f"reading {os.getpid()} {_supervisor()}", flush=True)  # noqa: T201
    with context.reading() as warehouse:
        answer = warehouse.read(context.params.sql, limit=10, timeout=60)
    return {"rows": [list(map(str, row)) for row in answer.rows], "pid": os.getpid()}


@pipeline("test-keep-and-read", name_en="Keep and read", name_ko="남기고 읽기", parameters=Statement)
def keep_and_read(context: Context) -> dict[str, Any]:
    """Write the file that the run keeps before and after it has read."""
    kept = context.artifact("rows.txt", media_type="text/plain")
    kept.write_text("half")
    with context.warehouse(read_only=True) as warehouse:
        kept.write_text(str(warehouse.read(context.params.sql, limit=10, timeout=60).rows))
    return {}


class Attempts(BaseModel):
    """Statements for the engine, files to read, and one to write."""

    statements: list[str] = []
    reads: list[str] = []
    writes: list[str] = []


@pipeline("test-hostile", name_en="Hostile", name_ko="적대적", parameters=Attempts)
def hostile(context: Context) -> dict[str, Any]:
    """Send what no linter has seen, past the port, and tell what came of it."""
    told: dict[str, str] = {}
    with context.reading() as warehouse:
        lake: Any = warehouse._connection(None)  # type: ignore[attr-defined]
        for statement in context.params.statements:
            try:
                told[statement] = str(lake.execute(statement).fetchall())
            except Exception as error:
                told[statement] = f"refused: {error}"
    for paths, mode in ((context.params.reads, "rb"), (context.params.writes, "wb")):
        for path in paths:
            try:
                with open(path, mode):  # noqa: PTH123
                    told[path] = "opened"
            except OSError as error:
                told[path] = f"refused: {error}"
    return told


@pipeline("test-tell-secret", name_en="Tell", name_ko="말하기", parameters=Seconds)
def tell_secret(context: Context) -> dict[str, Any]:
    """Carelessly put a secret wherever a body can put anything."""
    value = context.secret(context.params.note, host=context.config.get("host"))
    print(value, flush=True)  # noqa: T201
    context.log.warning("as JSON %s, in an address %s", json.dumps(value), quote(value, safe=""))
    context.progress(0.5, f"with {value}")
    return {"length": len(value), "said": {"deep": [value]}, f"key {value}": 1}


@pipeline("test-fail-with-secret", name_en="Fail", name_ko="실패", parameters=Seconds)
def fail_with_secret(context: Context) -> dict[str, Any]:
    raise Faulty(f"refused: {context.secret(context.params.note)}")


@pipeline("test-spill", name_en="Spill", name_ko="다 흘리기", parameters=Seconds)
def spill(context: Context) -> dict[str, Any]:
    """Print what somebody prints who looks for an error, and fail with it."""
    value = context.secret("crm")
    print(f"asleep {os.getpid()} {_supervisor()}", flush=True)  # noqa: T201
    print(value, json.dumps(dict(os.environ)), flush=True)  # noqa: T201
    for each in os.environ.values():
        context.log.error("one value is %s", each)
        with suppress(ValueError):
            context.log.error("its password is %s", urlsplit(each).password)
    context.log.error("Authorization: Bearer %s", value)
    context.progress(0.5, f"with {value}")
    context.artifact("none.txt").write_text("nothing")
    time.sleep(context.params.seconds)
    raise RuntimeError(f"no answer from {os.environ['REDIS_URL']} to {value}") from Faulty(value)


class Files(BaseModel):
    """Which files to make: their names and sizes in bytes; a name in ``missing`` is announced only."""

    files: dict[str, int] = Field(default_factory=dict)
    missing: str = ""
    link: str = ""
    fail: bool = False
    seconds: float = Field(default=0.0, ge=0)


@pipeline("test-files", name_en="Files", name_ko="파일", parameters=Files)
def files(context: Context) -> dict[str, Any]:
    for name, size in context.params.files.items():
        context.artifact(name, media_type="text/plain").write_bytes(b"x" * size)
    if context.params.missing:
        context.artifact(context.params.missing)
    if context.params.link:
        context.artifact("link.txt").symlink_to(context.params.link)
    time.sleep(context.params.seconds)
    if context.params.fail:
        raise Faulty("The numbers of June are missing.")
    return {}


@pipeline("test-make-once", name_en="Make once", name_ko="한 번 만들기", parameters=Files)
def make_once(context: Context) -> dict[str, Any]:
    """Make a file that tells which attempt made it; the first one takes long, and may fail in the end."""
    print(f"asleep {os.getpid()} {_supervisor()}", flush=True)  # noqa: T201
    context.artifact(f"by-{context.fence}.txt", media_type="text/plain").write_text("made")
    if context.fence == 1:
        time.sleep(context.params.seconds)
        if context.params.fail:
            raise Faulty("The first attempt fails.")
    return {"fence": context.fence}
