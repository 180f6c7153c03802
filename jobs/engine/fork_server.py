"""The fork server of a pool child: it forks the bodies of runs and does nothing else.

A fork makes every page dear that the forking process or its child writes afterwards. A supervisor works with
the database between two forks and would pay for thousands; this process only waits. It has cut its ties once
for all bodies, and loaded what they run.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

from jobs.engine.body import EXIT_FAILED, EXIT_OK, Ties, cut_ties, run_body
from jobs.runners.registry import runner_for

TITLE = "data-desk: forks bodies"
_WORD = 1024
_loaded: set[str] = set()


def run_fork_server(control: socket.socket, ties: Ties, parent: int) -> NoReturn:
    """Become the fork server of a pool child; never returns into the supervisor's code."""
    status = EXIT_FAILED
    try:
        # Words of modules that are being loaded go where the worker's go.
        log_fd, null = os.dup(2), os.open(os.devnull, os.O_RDWR)
        kept = frozenset({control.fileno(), log_fd, null})
        cut_ties(TITLE, ties=ties, parent=parent, log_fd=log_fd, result_fd=null, kept=kept)
        # A service manager signals every process; the supervisor decides what becomes of the run.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _leave_out_of_collections()
        while _serve_one(control):
            pass
        status = EXIT_OK
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _serve_one(control: socket.socket) -> bool:
    """Fork one body, tell its number and its end, bury it when asked to; False when nobody asks any more."""
    data, descriptors, _, _ = socket.recv_fds(control, _WORD, 3)
    if not data:
        return False
    _load(json.loads(data)["kind"])
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        run_body(*descriptors, parent=parent)
    for number in descriptors:
        os.close(number)
    _tell(control, pid=pid)
    return _watch(control, pid)


def _watch(control: socket.socket, pid: int) -> bool:
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(pidfd, select.POLLIN)
    try:
        while True:
            ready = {number for number, _ in poll.poll()}
            if pidfd in ready:
                poll.unregister(pidfd)
                _tell(control, ended=True)
            if control.fileno() in ready:
                if not control.recv(_WORD):
                    # The supervisor is gone; what it left behind is gone with us.
                    return False
                _tell(control, status=os.waitpid(pid, 0)[1])
                return True
    finally:
        os.close(pidfd)


def _tell(control: socket.socket, **word: Any) -> None:
    control.sendall(json.dumps(word).encode())


def _load(kind: str) -> None:
    """Load a kind's runner for all bodies to come; one that cannot be loaded is the body's to tell of."""
    if kind in _loaded:
        return
    try:
        runner_for(kind)
    except Exception as error:
        sys.stderr.write(f"{kind} not loaded ahead: {error}\n")
    else:
        _loaded.add(kind)
    _leave_out_of_collections()


def _leave_out_of_collections() -> None:
    """Keep the garbage collectors of bodies from touching, and so copying, what lives here."""
    gc.collect()
    gc.freeze()
