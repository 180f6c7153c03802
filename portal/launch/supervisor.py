"""Keep web, worker and clock running, and end them in order."""

import os
import select
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from portal.configuration import ROOT
from portal.launch.children import Child
from portal.launch.screen import complain, say

TICK = 1.0
FIRST_ANSWER = 60.0
WATCHED = ("*.py", "*.html", "*.po")


class Signals:
    """The wishes to stop: each Ctrl-C or SIGTERM counts one, and waiting ends at once when one comes."""

    def __init__(self) -> None:
        self.stops = 0
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @contextmanager
    def listening(self) -> Iterator["Signals"]:
        """Take the signals over for as long as the block runs."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._stop) for number in numbers}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        wakeup = signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        """Sleep until the time is over, a child ends or somebody wants us to stop."""
        if select.select([self._wake_reader], [], [], seconds)[0]:
            os.read(self._wake_reader, 4096)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stops += 1


class Supervisor:
    """The parent of the portal's processes."""

    def __init__(self, children: list[Child], signals: Signals) -> None:
        self.children = children
        self._signals = signals

    def start(self, livez: str) -> bool:
        """Start all; return whether the web answered (False: somebody wants to stop, or it failed).

        Worker and clock wait for the web's first answer: on a small machine they would only slow it down.
        """
        web, *others = self.children
        web.start()
        end = time.monotonic() + FIRST_ANSWER
        while not self._signals.stops:
            if _answers(livez):
                for child in others:
                    child.start()
                return True
            if not web.running or time.monotonic() > end:
                complain(f"the web did not start; {web.log} ends with:\n{web.end_of_log()}")
                return False
            self._signals.wait(0.05)
        return False

    def run(self, *, reload: bool) -> None:
        """Watch until somebody wants to stop."""
        changes = changed_sources() if reload else lambda: False
        while not self._signals.stops:
            if changes():
                # Gunicorn reloads itself.
                say("The code changed: starting worker and clock again.")
                for child in self.children[1:]:
                    child.restart()
            for child in self.children:
                child.watch()
            self._signals.wait(TICK)

    def stop(self) -> None:
        """Let everybody finish; who is not done in time, or at a second wish to stop, is killed."""
        before = self._signals.stops
        started = time.monotonic()
        for child in self.children:
            child.ask_to_end()
        waiting = [child for child in self.children if child.running]
        told = False
        while waiting:
            passed = time.monotonic() - started
            harsh = self._signals.stops > before
            for child in waiting:
                if harsh or passed > child.command.patience:
                    complain(f"{child.command.name} did not end within {passed:.0f} s and is killed.")
                    child.kill()
            waiting = [child for child in waiting if not child.wait(0)]
            if waiting and passed > 2 and not told:
                names = ", ".join(child.command.name for child in waiting)
                say(f"Waiting for {names} to finish what has begun (Ctrl-C again ends it at once).")
                told = True
            if waiting:
                self._signals.wait(0.1)


def changed_sources() -> Callable[[], bool]:
    """Return a question that is answered with yes once after each change of the code."""
    seen = _newest()

    def changed() -> bool:
        nonlocal seen
        newest = _newest()
        if newest == seen:
            return False
        seen = newest
        return True

    return changed


def _newest() -> tuple[float, int]:
    folders: list[Path] = [ROOT / name for name in ("portal", "catalog", "jobs", "requests_app")]
    times = [path.stat().st_mtime for folder in folders for kind in WATCHED for path in folder.rglob(kind)]
    return max(times, default=0.0), len(times)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=0.5) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False
    except OSError:
        return False
