"""Which requests one web process lets in: a real gunicorn with one process and a small application."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from portal.launch.accepting import LINGER
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
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Start the process and return where it answers."""
    place = ("127.0.0.1", free_port())
    options = ("--bind", f"{place[0]}:{place[1]}", "--threads", "8", "--keep-alive", "0", "--workers", "1")
    kind = "portal.launch.accepting.AcceptingWorker"
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "-k", kind, *options]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, f"{__name__}:application"], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while not _answers(place):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield place
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def ask(address: tuple[str, int]) -> Callable[[str], int]:
    """Return what asks the process and gives how many requests were under way beside."""

    def asked(path: str) -> int:
        connection = http.client.HTTPConnection(*address, timeout=30)
        connection.request("GET", path)
        return int(connection.getresponse().read())

    return asked


def _answers(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place).close()
    except OSError:
        return False
    return True


def test_what_computes_is_answered_one_after_the_other(ask: Callable[[str], int]) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        beside = list(pool.map(ask, ["/compute"] * 60))
    # A machine that gives the process no time for long lets a few in; without the rule half of them are.
    assert sum(each > 0 for each in beside) < len(beside) / 4, beside


@pytest.mark.parametrize(("path", "count"), [("/wait", 4), ("/spin", 2)])
def test_what_waits_or_computes_for_long_keeps_nobody_out(
    ask: Callable[[str], int], path: str, count: int
) -> None:
    with ThreadPoolExecutor(count) as pool:
        under_way = [pool.submit(ask, path) for _ in range(count)]
        while ask("/") < count:
            time.sleep(0.01)
        ask("/release")
        assert sorted(each.result(10) for each in under_way) == list(range(count))


def test_who_does_not_close_keeps_nobody_waiting(address: tuple[str, int], ask: Callable[[str], int]) -> None:
    with ExitStack() as open_ones:
        began = time.monotonic()
        for _ in range(4):
            client = open_ones.enter_context(socket.create_connection(address, timeout=20))
            # More than is read of it: closed at once, the connection would lose the end of the answer.
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 20_000)
            answer = b"".join(iter(partial(client.recv, 4096), b""))
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"0\r\n\r\n")
        assert ask("/") == 0
        assert time.monotonic() - began < LINGER
        # Who never closes is closed in the end.
        while _takes(client, b"x"):
            assert time.monotonic() - began < LINGER * 5
            time.sleep(0.1)


def _takes(client: socket.socket, data: bytes) -> bool:
    try:
        client.sendall(data)
    except OSError:
        return False
    return True
