"""The processes under the supervisor: how each is started, watched, started again and ended."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portal.configuration import ROOT
from portal.embedded.process import LOG_LIMIT, last_lines
from portal.launch.copies import Copy
from portal.launch.screen import complain, say

LONGEST_PAUSE = 30.0
# Who ran this long was healthy: its next end is a new trouble, not the same one again.
HEALTHY = 60.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Command:
    """A program to keep running; `patience` is how many seconds it may take to end."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    patience: float = 10
    sockets: tuple[int, ...] = ()
    # Whether it begins as a copy of what starts it, which has loaded what it needs.
    copied: bool = False


class Child:
    """One program of ours: in its own session, its output in a log, started again when it dies."""

    def __init__(self, command: Command, *, env: dict[str, str], log: Path, to_terminal: bool) -> None:
        self.command = command
        self.log = log
        self._env = env
        self._to_terminal = to_terminal
        self._process: subprocess.Popen[bytes] | Copy | None = None
        self._started = 0.0
        self._pause = 0.0
        self._again_at = 0.0

    @property
    def running(self) -> bool:
        """Return whether its main process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; with its starter killed, the kernel tells it to end."""
        output = sys.stdout.fileno() if self._to_terminal else _open_log(self.log)
        self._process = self._copy(output) if self.command.copied else self._run(output)
        if not self._to_terminal:
            os.close(output)
        self._started = time.monotonic()

    def _run(self, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", self.command.module, *self.command.arguments],
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=self.command.sockets,
            preexec_fn=end_with_parent(os.getpid()),  # noqa: PLW1509 - this process has one thread
        )

    def _copy(self, output: int) -> Copy:
        return Copy(
            self.command.module,
            self.command.arguments,
            env=self._env,
            output=output,
            sockets=self.command.sockets,
            first=end_with_parent(os.getpid()),
        )

    def watch(self) -> None:
        """Start it again where it died, each time a little later."""
        if self.running:
            return
        now = time.monotonic()
        if self._process is not None:
            self._report(now)
            self._kill_rest()
            self._process = None
        elif now >= self._again_at:
            self.start()

    def restart(self) -> None:
        """End it in order; `watch` starts it again at once."""
        self.ask_to_end()
        if not self.wait(self.command.patience):
            self.kill()
        self._process = None
        self._again_at = 0.0

    def ask_to_end(self) -> None:
        """Tell it to finish what it has begun and end."""
        if self._process is not None and self.running:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it ended."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout=max(seconds, 0.01))
        except subprocess.TimeoutExpired:
            return False
        self._kill_rest()
        return True

    def kill(self) -> None:
        """End it and everything in its session at once."""
        self._kill_rest()
        if self._process is not None:
            # A copy may not have its session yet.
            self._process.kill()
            self._process.wait()

    def end_of_log(self) -> str:
        """Return its last lines."""
        return last_lines(self.log, 12)

    def _report(self, now: float) -> None:
        process = self._process
        code = process.returncode if process else None
        if now - self._started > HEALTHY:
            self._pause = 0.0
        self._pause = min(max(self._pause * 2, 1.0), LONGEST_PAUSE)
        self._again_at = now + self._pause
        complain(f"{self.command.name} ended {_how(code)}; starting it again in {self._pause:.0f} s.")
        if not self._to_terminal and self._pause <= 1 and (lines := self.end_of_log()):
            say(f"  the end of {self.log}:")
            say(lines)

    def _kill_rest(self) -> None:
        # The session's other members (web processes, pool children) must not live on beside the next ones.
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def commands(listener: int, mcp: int | None, *, reload: bool) -> list[Command]:
    """Return what runs beside the servers: web, worker, clock and, where it has a port, the MCP server."""
    # What is reloaded when the code changes loads it itself.
    copied = not reload
    level = "DEBUG" if reload else "INFO"
    web = ("-c", "python:portal.launch.gunicorn")
    found = [
        Command("web", "gunicorn", web, patience=35, sockets=(listener,), copied=copied),
        Command("worker", "celery", ("-A", "portal", "worker", "-l", level), patience=40, copied=copied),
        Command("clock", "manage", ("clock",), patience=15, copied=copied),
    ]
    if mcp is not None:
        # It loads nothing of the portal's, nor what that holds: it asks the web as anybody does.
        found.append(Command("mcp", "portal.mcp", patience=10, sockets=(mcp,)))
    return found


def end_with_parent(parent: int) -> Callable[[], None]:
    """Return what a child does before it becomes its program: ask for SIGTERM when its parent dies."""
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have died before the kernel was asked.
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _open_log(path: Path) -> int:
    mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, mode, 0o600)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by signal {signal.Signals(-code).name}"
    return f"with exit code {code}"
