"""Which requests one web process lets in: a real gunicorn with one process and a small application."""

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.stack import free_port

CLIENTS = 6
# Longer than a thread of Python computes before another one may.
SPENT = 0.015
_released = threading.Event()
_inside: list[object] = []


def application(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    """Say how many requests were under way beside this one, which computes, waits or spins by its address."""
    beside = len(_inside)
    _inside.append(environ)
    try:
        match environ["PATH_INFO"]:
            case "/compute":
                began = time.thread_time()
                while time.thread_time() - began < SPENT:
                    pass
            case "/wait":
                _released.wait(30)
            case "/spin":
                while not _released.is_set():
                    pass
            case "/release":
                _released.set()
    finally:
        _inside.remove(environ)
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(beside).encode()]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Start the process; return what asks it and gives how many requests were under way beside."""
    port = free_port()
    options = ("--bind", f"127.0.0.1:{port}", "--threads", "8", "--keep-alive", "0", "--workers", "1")
    kind = "portal.launch.accepting.AcceptingWorker"
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--no-control-socket",
                "-k",
                kind,
                *options,
                f"{__name__}:application",
            ],
            stdout=output,
            stderr=output,
        )

    def asked(path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        return int(connection.getresponse().read())

    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                asked("/")
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield asked
    finally:
        process.terminate()
        process.wait(20)


def test_what_computes_is_answered_one_after_the_other(ask: Callable[[str], int]) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        beside = list(pool.map(ask, ["/compute"] * 60))
    # A machine that gives the process no time for long lets a few in; without the rule half of them are.
    assert sum(each > 0 for each in beside) < len(beside) / 4, beside


def test_what_waits_keeps_nobody_out(ask: Callable[[str], int]) -> None:
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ask, "/wait") for _ in range(4)]
        while ask("/") < len(waiting):
            time.sleep(0.01)
        ask("/release")
        assert sorted(each.result(10) for each in waiting) == [0, 1, 2, 3]


def test_what_computes_for_long_keeps_nobody_out(ask: Callable[[str], int]) -> None:
    with ThreadPoolExecutor(2) as pool:
        spinning = [pool.submit(ask, "/spin") for _ in range(2)]
        while ask("/") < len(spinning):
            time.sleep(0.01)
        ask("/release")
        assert sorted(each.result(10) for each in spinning) == [0, 1]
