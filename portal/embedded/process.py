"""A server process that outlives its starter: spawn it, know it again by pid and start time, stop it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

LOG_LIMIT = 10 * 1024 * 1024

# Popen objects of the servers started here: without them a dead child stays a zombie and looks alive.
_children: dict[int, subprocess.Popen[bytes]] = {}


class EmbeddedError(Exception):
    """An embedded server cannot be had; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine; the start time tells it from a later process with the same pid."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Return whether exactly this process still runs."""
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            del _children[self.pid]
        return start_time(self.pid) == self.started


def start_time(pid: int) -> str | None:
    """Return when the process started, as an opaque text, or None when there is no such live process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _start_time_by_ps(pid)
    return None if fields[0] in {"Z", "X"} else f"{boot}/{fields[19]}"


def _start_time_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip().replace(" ", "_") or None


def read_pidfile(path: Path) -> Process | None:
    """Return the live process that the file names; a stale or torn file counts as none."""
    try:
        pid, started = path.read_text().split()
        process = Process(int(pid), started)
    except (OSError, ValueError):
        return None
    return process if process.alive() else None


def write_private(path: Path, text: str) -> None:
    """Replace the file as a whole, for its owner only: a power cut leaves the old or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def private_folder(path: Path) -> Path:
    """Make the folder, or take an existing one of ours, and close it to everybody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def spawn(command: Sequence[str], *, pidfile: Path, log: Path, env: dict[str, str]) -> Process:
    """Start a server in a session of its own, so that neither Ctrl-C nor the end of its starter ends it."""
    mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        mode |= os.O_TRUNC
    with os.fdopen(os.open(log, mode, 0o600), "ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    _children[child.pid] = child
    process = Process(child.pid, start_time(child.pid) or "ended")
    write_private(pidfile, f"{process.pid} {process.started}\n")
    return process


def remember(pid: int, pidfile: Path) -> Process | None:
    """Write the pidfile of a server that was found running without one."""
    started = start_time(pid)
    if started is None:
        return None
    write_private(pidfile, f"{pid} {started}\n")
    return Process(pid, started)


def stop(process: Process, *signals: tuple[signal.Signals, float]) -> bool:
    """Send the signals one after the other, each with its seconds of patience; return whether it ended."""
    for number, patience in signals:
        if not process.alive():
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        if wait_until(lambda: not process.alive(), seconds=patience):
            return True
    return not process.alive()


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Ask again and again until the condition holds or the time is over."""
    end = time.monotonic() + seconds
    pause = 0.01
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.1)
    return True


def last_lines(log: Path, count: int = 5) -> str:
    """Return the end of a log, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


@contextlib.contextmanager
def lock(
    path: Path,
    *,
    seconds: float,
    busy: Callable[[str], str],
    waiting: Callable[[str], None] = lambda holder: None,
) -> Iterator[None]:
    """Hold the file's lock; `waiting` is told once who has it, `busy` words the error after the time is over.

    The kernel gives the lock back when its holder dies, so a crash never leaves it behind.
    """
    with path.open("a+") as file:
        path.chmod(0o600)
        if not _try(file.fileno()):
            file.seek(0)
            holder = f"process {file.read().strip() or 'unknown'}"
            waiting(holder)
            if not wait_until(lambda: _try(file.fileno()), seconds=seconds):
                raise EmbeddedError(busy(holder))
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _try(descriptor: int) -> bool:
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True
