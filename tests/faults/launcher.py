"""A portal started as `make run` does it, with its output, its processes and its listeners."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from portal.embedded import servers
from tests.stack import FOREIGN, ROOT, free_port

READY = "Data Desk is ready"
SECRET = "x" * 60


class Desk:
    """One `python -m portal.launch` in a folder of its own, in production mode (it loads no data)."""

    def __init__(self, var: Path, *options: str, **settings: str) -> None:
        self.var = var
        self.options = options
        self.port = int(settings.get("PORT") or free_port())
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self.environment = environment | {
            "MODE": "production",
            "SECRET_KEY": SECRET,
            "VAR": str(var),
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "MCP_PORT": "0",
            # A process that names itself keeps its environment readable, by which processes() knows it.
            "SPT_NOENV": "1",
            **settings,
        }
        self.log = var.with_name(f"{var.name}-{time.monotonic_ns()}.log")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self.log.read_text()

    def run(self) -> tuple[int, str]:
        """Let it run to its own end; return exit code and output."""
        self.start()
        assert self.process is not None
        return self.process.wait(timeout=60), self.output

    def start(self) -> "Desk":
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.launch", *self.options],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def ready(self) -> "Desk":
        """Wait until it says that it is ready."""
        self.wait_for(READY)
        return self

    def wait_for(self, text: str, seconds: float = 60) -> None:
        assert self.process is not None
        end = time.monotonic() + seconds
        while text not in self.output:
            if time.monotonic() > end or self.process.poll() is not None:
                message = f"no {text!r} in:\n{self.output}"
                raise AssertionError(message)
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def clean_up(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        servers.stop(self.var)
        end = time.monotonic() + 45
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self) -> set[int]:
        """Return every live process that was started with this VAR."""
        mark = f"VAR={self.var}".encode()
        return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if mark in _environment(folder)}


def _environment(folder: Path) -> list[bytes]:
    try:
        if folder.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return []
        return folder.joinpath("environ").read_bytes().split(b"\0")
    except OSError:
        return []


def listening_ports(pids: set[int]) -> set[tuple[str, int]]:
    """Return (address in hexadecimal, port) of every TCP listener of these processes."""
    listeners = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                address, _, port = fields[1].rpartition(":")
                listeners[f"socket:[{fields[9]}]"] = (address, int(port, 16))
    found = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                found.add(listeners.get(str(descriptor.readlink())))
    return {listener for listener in found if listener is not None}
