"""What a kind of job is made of, and what its body is given to work with."""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.utils.module_loading import import_string
from pydantic import BaseModel

from jobs.models import Job, Run

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from portal.warehouse.port import Warehouse

# A progress note is a line under a bar, not a log.
NOTE_LIMIT = 200
# Progress of the same step is told at most this often, in seconds.
PROGRESS_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """One visible step of a run; the label is a translated text."""

    key: str
    label: "str | _StrPromise"


class Reporter(Protocol):
    """The way out of a body: what it tells its supervisor, and whether it was asked to stop."""

    def tell(self, message: dict[str, Any]) -> None:
        """Hand one JSON-able message to the supervisor."""

    def cancelled(self) -> bool:
        """Say whether somebody asked the run to stop."""


@dataclass
class Context:
    """Everything a body may use.

    ``config`` is the runner's (or pipeline's) config model, already checked; ``params`` is the plain dict of
    the run's parameters, or the pipeline's parameters model where it declares one. ``fence`` goes with every
    write outside the portal.
    """

    job_key: str
    config: Any
    params: Any
    run_id: UUID
    fence: int
    attempt: int
    scratch: Path
    log: logging.Logger
    reporter: Reporter
    _told_at: float = field(default=0.0, init=False)

    @property
    def folder(self) -> Path:
        """Return this attempt's own folder, made when first asked for and removed at the end."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.scratch

    @contextlib.contextmanager
    def step(self, key: str) -> Iterator[None]:
        """Mark what happens inside as one of the steps the runner announced."""
        self._tell_step(key, "started")
        yield
        # A step that was left by an exception keeps no end: there the run stopped.
        self._tell_step(key, "ended")

    def _tell_step(self, key: str, event: str) -> None:
        # The body's clock: the supervisor may read several messages at once.
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.reporter.tell({"type": "step", "key": key, "event": event, "at": at})

    def progress(self, fraction: float | None = None, note: str = "") -> None:
        """Tell how far the step is (0–1, None: unknown) and what it is busy with; cheap to call often."""
        now = time.monotonic()
        if fraction is not None:
            fraction = min(max(fraction, 0.0), 1.0)
        if now - self._told_at < PROGRESS_PAUSE and fraction != 1.0:
            return
        self._told_at = now
        self.reporter.tell({"type": "progress", "fraction": fraction, "note": note[:NOTE_LIMIT]})

    def warehouse(self, *, read_only: bool = False) -> "Warehouse":
        """Connect to the warehouse; its engine is loaded here, in the body, and nowhere before."""
        connected: Warehouse = import_string("portal.warehouse.connect")(read_only=read_only)
        return connected

    def cancelled(self) -> bool:
        """Say whether the run was asked to stop; a long loop may look and leave early."""
        return self.reporter.cancelled()


class Runner(Protocol):
    """A kind of job: one class, one line in the registry.

    ``run`` is the body: it works in a forked process and returns JSON-able outputs. ``record`` works in the
    supervisor, inside the transaction that ends the run: it writes the catalog's rows and returns the part of
    the outputs that the run keeps; it must not import an engine (threads would break the next fork).
    """

    Config: type[BaseModel]
    label: "str | _StrPromise"
    icon: str
    docs: "str | _StrPromise"

    def steps(self, job: Job) -> list[Step]:
        """Return the steps a run of this job goes through, in order."""

    def run(self, context: Context) -> dict[str, Any]:
        """Do the work; an exception with ``error_class`` (a value of ErrorClass) says whose fault it was."""

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Write what the run brought about, and return what its row keeps."""
