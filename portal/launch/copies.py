"""Programs of ours as copies of the process that keeps them running.

It loads what they all need once. Each copy shares that memory for as long as it does not change it, and
starts without loading anything again.
"""

import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

import django
from setproctitle import setproctitle

from portal.descriptors import close_all_but

# What the web, the worker and the clock load before they begin.
SHARED = ("portal.urls", "portal.wsgi", "gunicorn.app.wsgiapp", "celery.bin.worker", "jobs.engine.worker")
_PAUSE = 0.02
_STANDARD = 3


def load() -> None:
    """Load what the copies share; nothing of it begins a thread or a connection."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    for name in SHARED:
        import_module(name)
    gc.collect()
    # A garbage collection of a copy would write into each page of what is left out of it here.
    gc.freeze()


class Copy:
    """A program that began as a copy of this process, with the part of Popen that its keeper uses."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        output: int,
        sockets: Sequence[int],
        first: Callable[[], None],
    ) -> None:
        """Start ``module`` as ``python -m`` does; of the descriptors it has its output and these sockets."""
        kept = {*range(_STANDARD), *sockets}
        self._process = multiprocessing.get_context("fork").Process(
            target=_become, args=(module, arguments, env, output, kept, first), name=module
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number, and its session's."""
        return int(self._process.pid or 0)

    @property
    def returncode(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Look whether it has ended; return as ``returncode``."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises TimeoutExpired."""
        # Process.join waits for a pipe, which processes of the copy's own may hold open after it.
        ends = None if timeout is None else time.monotonic() + timeout
        while (code := self._process.exitcode) is None:
            if ends is not None and time.monotonic() >= ends:
                raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
            time.sleep(_PAUSE)
        return code


def _become(
    module: str,
    arguments: Sequence[str],
    env: Mapping[str, str],
    output: int,
    kept: set[int],
    first: Callable[[], None],
) -> None:
    os.setsid()
    first()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # The objects behind the closed ones live on in the frames that led here.
    close_all_but(kept)
    os.environ.clear()
    os.environ.update(env)
    setproctitle(f"data-desk: {module}")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
