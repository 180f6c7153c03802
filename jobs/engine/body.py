"""The forked side of a run: cut every tie to the supervisor, do the work, tell the result, leave by _exit."""

import ctypes
import fcntl
import json
import logging
import os
import resource
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn, Self

import psycopg2.extensions
from django.conf import settings
from django.db import connection
from setproctitle import setproctitle

from jobs.choices import ErrorClass
from jobs.engine.claim import Claim
from jobs.engine.confined import confine_body
from jobs.engine.log_pump import LEVELS, MARK
from jobs.engine.work import error_message, make_folder, work
from jobs.runners.base import Kept
from jobs.runners.registry import runner_for
from portal.descriptors import close_all_but

WAITING_TITLE = "data-desk: waits for a run"
RESULT_FD = 3
EXIT_OK, EXIT_FAILED = 0, 1
_WITHOUT_CODE = frozenset({ErrorClass.BAD_INPUT, ErrorClass.SETTINGS, ErrorClass.CHECK_FAILED})
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl
_LETTERS = {word: letter for letter, word in LEVELS.items()}
# The parent's connection object: were it collected here, libpq would say goodbye on the parent's socket.
_kept_alive: list[Any] = []


class Cancelled(BaseException):
    """Unwind the body: its supervisor sent SIGTERM. Not an Exception, so that no broad except swallows it."""


class PipeReporter:
    """Tell the supervisor by JSON lines on the result pipe."""

    def __init__(self) -> None:
        self.stopped = False

    def tell(self, message: dict[str, Any]) -> None:
        """Write one message."""
        data = memoryview(
            json.dumps(message, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
        )
        while data:
            data = data[os.write(RESULT_FD, data) :]

    def cancelled(self) -> bool:
        """Say whether the supervisor asked to stop."""
        return self.stopped

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Unwind on the first SIGTERM; a second one must not break the cleaning up of the first."""
        if not self.stopped:
            self.stopped = True
            raise Cancelled


@dataclass(frozen=True, slots=True)
class Ties:
    """What a forked process has to undo, looked up before the fork: what it touches is copied."""

    signals: tuple[int, ...]
    loggers: tuple[logging.Logger, ...]

    @classmethod
    def look(cls) -> Self:
        """Return the signals and the loggers that this process changed."""
        # Loggers forget what they worked out of their levels: the child need not ask each of them to.
        logging.root.setLevel(logging.root.level)
        return cls(
            tuple(number for number in signal.valid_signals() if signal.getsignal(number) != signal.SIG_DFL),
            tuple(
                logger
                for logger in logging.root.manager.loggerDict.values()
                if isinstance(logger, logging.Logger) and _speaks_elsewhere(logger)
            ),
        )


def _speaks_elsewhere(logger: logging.Logger) -> bool:
    """Say whether its records go anywhere but to the root's handlers."""
    return not logger.propagate or any(type(each) is not logging.NullHandler for each in logger.handlers)


class MarkedLines(logging.Handler):
    """Write records as lines that carry their level, on the same pipe as prints so that the order holds."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, each of its lines marked."""
        level = {"WARNING": "warn", "ERROR": "error", "CRITICAL": "error", "DEBUG": "debug"}
        mark = MARK + _LETTERS[level.get(record.levelname, "info")]
        sys.stdout.write("".join(f"{mark}{line}\n" for line in self.format(record).splitlines()))
        sys.stdout.flush()


def run_body(control: socket.socket, logger: logging.Logger, *, parent: int) -> NoReturn:
    """Wait for a claim and become its body; never returns into the fork server's code, whatever happens.

    What comes by the socket are a file with the claim, and the pipes for the log and the result. Each thing
    that is touched here for the first time since the fork costs pages: what the server can do once, it does.
    """
    status = EXIT_FAILED
    try:
        _stand_alone(parent)
        setproctitle(WAITING_TITLE)
        reporter = PipeReporter()
        # Blocked so far: one that comes too early is delivered where it can be dealt with.
        signal.signal(signal.SIGTERM, reporter.stop)
        _word, descriptors, _, _ = socket.recv_fds(control, 16, 3)
        if not descriptors:
            # The fork server is gone, and no run needs us any more.
            os._exit(EXIT_OK)
        claim_fd, log_fd, result_fd = descriptors
        with open(claim_fd, "rb", closefd=False) as file:
            claim = Claim.from_json(file.read().decode())
        direct_output(log_fd, result_fd)
        close_all_but({0, 1, 2, RESULT_FD})
        setproctitle(f"data-desk: run {claim.number} {claim.job_key}")
        if runner_for(claim.kind).confined:
            confine_body(write=[make_folder(claim)])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        status = do_work(claim, reporter, logger)
        sys.stdout.flush()
    except Cancelled:
        # Nothing had begun, or nothing was left to do.
        pass
    except BaseException:
        os.write(1, traceback.format_exc().encode())
    finally:
        os._exit(status)


def do_work(claim: Claim, reporter: PipeReporter, logger: logging.Logger, kept: Kept | None = None) -> int:
    """Do a claim's work, tell its result or its error, and return the status to leave with."""
    try:
        reporter.tell(work(claim, reporter, logger, kept))
    except Cancelled:
        logger.warning("stopped before the end")
        return EXIT_FAILED
    except BaseException as error:
        if reporter.stopped:
            # A library may turn our own interruption into an error of its own; nobody is to look into that.
            logger.warning("stopped before the end")
            return EXIT_FAILED
        message = error_message(error)
        reporter.tell(message)
        if kept is not None and message["class"] == ErrorClass.WAREHOUSE:
            kept.broken = True
        # What was foreseen is told in a sentence; the way through the code, which the run's page keeps, helps
        # only who writes it.
        foreseen = message["class"] in _WITHOUT_CODE or (
            "said" in message and message["class"] != ErrorClass.USER_CODE
        )
        if detail := message["message"] if foreseen else message["detail"]:
            logger.log(logging.ERROR, "%s", detail)
        return EXIT_FAILED
    return EXIT_OK


def cut_ties(
    title: str,
    *,
    ties: Ties,
    parent: int,
    log_fd: int,
    result_fd: int,
    kept: frozenset[int] = frozenset(),
    blocked: frozenset[signal.Signals] = frozenset(),
) -> logging.Logger:
    """Let go of everything that is the supervisor's but the two pipes and what is to be kept.

    SIGTERM ends the process by default afterwards, unless it is blocked; whoever can do better puts a handler
    in.
    """
    _stand_alone(parent)
    _reset_signals(ties.signals, blocked)
    _reset_descriptors(log_fd, result_fd, kept)
    _limit_resources()
    setproctitle(title)
    return _reset_output(ties.loggers)


def _stand_alone(parent: int) -> None:
    """Get a process group of our own, and die with our parent all the same."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It died before the line above: nobody would ever kill us.
        os._exit(EXIT_FAILED)


def _reset_signals(changed: tuple[int, ...], blocked: frozenset[signal.Signals]) -> None:
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in changed:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _reset_descriptors(log_fd: int, result_fd: int, ours: frozenset[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    # The inherited database socket is the supervisor's. Closing it here, or speaking on it, would break the
    # supervisor's session, so the number is made to point nowhere and the object is never freed.
    kept = {0, 1, 2, RESULT_FD, *ours}
    inherited = connection.connection
    if inherited is not None:
        socket = inherited.fileno()
        os.dup2(null, socket)
        kept.add(socket)
        _kept_alive.append(inherited)
        connection.connection = None
    connection.in_atomic_block = False
    connection.savepoint_ids = []
    connection.atomic_blocks = []
    connection.needs_rollback = False
    connection.run_on_commit = []
    connection.closed_in_transaction = False
    psycopg2.extensions.set_wait_callback(None)
    os.dup2(null, 0)
    direct_output(log_fd, result_fd)
    close_all_but(kept)


def direct_output(log_fd: int, result_fd: int) -> None:
    """Lead what is printed, and what is told to the supervisor, to these two."""
    # Both pipes first move out of the way of the numbers they are going to have.
    log_copy = fcntl.fcntl(log_fd, fcntl.F_DUPFD_CLOEXEC, RESULT_FD + 1)
    result_copy = fcntl.fcntl(result_fd, fcntl.F_DUPFD_CLOEXEC, RESULT_FD + 1)
    for source, target in ((log_copy, 1), (log_copy, 2), (result_copy, RESULT_FD)):
        os.dup2(source, target, inheritable=target != RESULT_FD)


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings.RUN_MEMORY_MB:
        # Data, not address space: engines map far more than they touch.
        most = settings.RUN_MEMORY_MB * 1024**2
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _reset_output(changed: tuple[logging.Logger, ...]) -> logging.Logger:
    # Celery's proxies stand in sys.stdout, and its handlers on the loggers: both write to the worker's log.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    for logger in (logging.root, *changed):
        # Freeing the handlers would touch, and so copy, everything that they hold.
        _kept_alive.append(logger.handlers)
        logger.handlers, logger.propagate = [], True
    logging.root.handlers, logging.root.level = [MarkedLines()], logging.WARNING
    logger = logging.getLogger("run")
    logger.level = logging.DEBUG
    return logger
