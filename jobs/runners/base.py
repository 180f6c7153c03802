"""What a kind of job is made of, and what its body is given to work with."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from uuid import UUID

from django.utils.module_loading import import_string
from pydantic import BaseModel

from jobs.exceptions import SecretMissing, SecretNotNamed, SecretStays
from jobs.models import Job, Run
from jobs.models.secret import host_of
from portal.accounts.models import User

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from portal.warehouse.port import Warehouse

# A progress note is a line under a bar, not a log.
NOTE_LIMIT = 200
# The part of an attempt's scratch folder whose files its run keeps.
MADE = "made"
# Progress of the same step is told at most this often, in seconds.
PROGRESS_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """One visible step of a run; the label is a translated text."""

    key: str
    label: "str | _StrPromise"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Work that goes on in another system without us: what to call that, and where people find it.

    ``memo`` is what the next look needs to know, as JSON; ``after`` are the seconds until then.
    """

    system: str
    id: str
    url: str = ""
    memo: dict[str, Any] = field(default_factory=dict)
    after: float = 2.0

    def as_json(self) -> dict[str, Any]:
        """Return it as the run row keeps it."""
        return {"system": self.system, "id": self.id, "url": self.url, "memo": self.memo}


class Reporter(Protocol):
    """The way out of a body: what it tells its supervisor, and whether it was asked to stop."""

    def tell(self, message: dict[str, Any]) -> None:
        """Hand one JSON-able message to the supervisor."""

    def cancelled(self) -> bool:
        """Say whether somebody asked the run to stop."""


class Kept:
    """What a warm process has open from one run to the next: a warehouse to read from.

    ``broken`` says that it should not be used again.
    """

    def __init__(self) -> None:
        self._warehouse: Warehouse | None = None
        self.broken = False

    def warm_up(self) -> None:
        """Open what the first run is going to need."""
        self.warehouse()

    def warehouse(self) -> "Warehouse":
        """Return the warehouse, opened at its first use; nobody but this process's end closes it."""
        if self._warehouse is None:
            self._warehouse = import_string("portal.warehouse.connect")(read_only=True)
        return self._warehouse

    def interrupt(self) -> None:
        """Stop what the warehouse is working on, from another thread."""
        if self._warehouse is not None:
            self._warehouse.interrupt()


@dataclass
class Context:
    """Everything a body may use.

    ``config`` is the runner's (or pipeline's) config model, already checked; ``params`` is the plain dict of
    the run's parameters, or the pipeline's parameters model where it declares one. ``fence`` goes with every
    write outside the portal. ``looks`` counts how often the run was deferred.
    """

    job_key: str
    config: Any
    params: Any
    run_id: UUID
    fence: int
    attempt: int
    scratch: Callable[[], Path]
    log: logging.Logger
    reporter: Reporter
    kept: Kept | None = None
    looks: int = 0
    secrets: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    # To which hosts each of them may go.
    secret_hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _told_at: float = field(default=0.0, init=False)
    _made: int = field(default=0, init=False)

    @property
    def folder(self) -> Path:
        """Return this attempt's own folder, made when first asked for and removed at the end."""
        folder = self.scratch()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def secret(self, name: str, *, host: str | None = None) -> str:
        """Return the value of a secret that the job's config names under ``secret`` or ``secrets``.

        ``host`` is where it is going to be sent, as a name or an address: one of those that the secret is
        stored for. Only a secret that is stored without hosts is had without.
        """
        if name not in self.secrets:
            raise SecretNotNamed(name)
        value = self.secrets[name]
        if value is None:
            raise SecretMissing(name)
        hosts = self.secret_hosts.get(name, ())
        goes = None if host is None else host_of(host)
        stays = bool(hosts) if goes is None else goes not in hosts
        if stays:
            raise SecretStays(name, goes, hosts)
        return value

    def entry(self, output: str, entry: dict[str, Any]) -> None:
        """Add to the output of this name, a list: all of it in one message might be too large."""
        self.reporter.tell({"type": "entry", "output": output, "entry": entry})

    def artifact(self, name: str, *, media_type: str = "application/octet-stream") -> Path:
        """Return where to write a file that the run keeps under this name if it succeeds.

        Write it before ``run`` returns. At most 100 files, each up to ARTIFACT_MB; two of one name, or one
        that was never written, fail the run.
        """
        self._made += 1
        folder = self.folder / MADE
        folder.mkdir(mode=0o700, exist_ok=True)
        told = {"type": "artifact", "number": self._made, "name": name, "media_type": media_type}
        self.reporter.tell(told)
        return folder / str(self._made)

    @contextlib.contextmanager
    def step(self, key: str) -> Iterator[None]:
        """Mark what happens inside as one of the steps the runner announced."""
        self.begin_step(key)
        yield
        # A step that was left by an exception keeps no end: there the run stopped.
        self.end_step(key)

    def begin_step(self, key: str) -> None:
        """Mark the begin of a step that outlives this body."""
        self._tell_step(key, "started")

    def end_step(self, key: str) -> None:
        """Mark the end of such a step."""
        self._tell_step(key, "ended")

    def _tell_step(self, key: str, event: str) -> None:
        # The body's clock: the supervisor may read several messages at once.
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.reporter.tell({"type": "step", "key": key, "event": event, "at": at})

    def progress(self, fraction: float | None = None, note: str = "") -> None:
        """Tell how far the step is (0–1, None: unknown) and what it is busy with; cheap to call often."""
        now = time.monotonic()
        if now - self._told_at < PROGRESS_PAUSE and not (fraction is not None and fraction >= 1.0):
            return
        self._told_at = now
        self.reporter.tell({"type": "progress", "fraction": fraction, "note": note[:NOTE_LIMIT]})

    def warehouse(self, *, read_only: bool = False, folders: Sequence[Path] = ()) -> "Warehouse":
        """Connect to the warehouse; its engine is loaded here, in the body, and nowhere before.

        A reader reaches the files of ``folders`` besides the warehouse's own.
        """
        connect = import_string("portal.warehouse.connect")
        connected: Warehouse = connect(read_only=read_only, folders=folders)
        return connected

    @contextlib.contextmanager
    def reading(self) -> "Iterator[Warehouse]":
        """Read from the warehouse: the one that a warm process keeps, else one of this run's own."""
        if self.kept is not None:
            yield self.kept.warehouse()
            return
        with self.warehouse(read_only=True) as opened:
            yield opened

    def cancelled(self) -> bool:
        """Say whether the run was asked to stop; a long loop may look and leave early."""
        return self.reporter.cancelled()


class Runner(Protocol):
    """A kind of job: one class, one line in the registry.

    ``run`` is the body: it works in a forked process and returns JSON-able outputs. ``record`` works in the
    supervisor, inside the transaction that ends the run: it writes the catalog's rows and returns the part of
    the outputs that the run keeps; it must not import an engine (threads would break the next fork).

    ``confined`` says that the body runs SQL that people wrote: the kernel then leaves it the lake to read and
    its own scratch to write. A warm process is always confined.
    """

    Config: type[BaseModel]
    label: "str | _StrPromise"
    icon: str
    docs: "str | _StrPromise"
    confined: bool

    def steps(self, job: Job) -> list[Step]:
        """Return the steps a run of this job goes through, in order."""

    def run(self, context: Context) -> dict[str, Any] | Elsewhere:
        """Do the work; an exception with ``error_class`` (a value of ErrorClass) says whose fault it was."""

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Write what the run brought about, and return what its row keeps."""


@runtime_checkable
class Following(Protocol):
    """A runner whose work goes on in another system: the run is deferred, and looked after now and then.

    Its kind stands in FOLLOWING_KINDS. Each look is a body of its own and short; what may pass is an error of
    a class that is retried, and the run is looked after again. ``run`` may come twice (its worker died before
    the run was deferred) and must then find what it began.
    """

    def follow(self, context: Context, elsewhere: Elsewhere) -> dict[str, Any] | Elsewhere:
        """Look how far it is; return the outputs when it is done, or what to look for the next time."""

    def stop(self, context: Context, elsewhere: Elsewhere | None) -> dict[str, Any] | Elsewhere | None:
        """Stop it there and return None; the outputs if it was done before; what to try again if it may pass.

        Without ``elsewhere`` nobody knows if it ever began.
        """


@runtime_checkable
class OwnParameters(Protocol):
    """A runner whose configuration decides which parameters a run takes."""

    def parameters_schema(self, config: dict[str, Any]) -> dict[str, Any] | None:
        """Return the JSON Schema of the parameters; None where it takes none."""


@runtime_checkable
class NeedsParameters(Protocol):
    """A runner without some of whose parameters no run goes well, whatever the definition says of them."""

    def needed_parameters(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return their JSON Schemas by name; the configuration may not have been judged yet."""


@runtime_checkable
class Naming(Protocol):
    """A runner whose configuration names things that may not be there."""

    def problems(self, config: dict[str, Any], reader: User) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with a configuration that fits its model: the field within it, and why."""


@runtime_checkable
class Hinting(Protocol):
    """A runner that sees what may surprise somebody, without being wrong."""

    def hints(self, config: dict[str, Any], schema: dict[str, Any], reader: User) -> Iterator[str]:
        """Yield a sentence each for who has stored this configuration, with the schema of its parameters."""


@runtime_checkable
class NeedsMore(Protocol):
    """A runner that does its work with what not every installation has."""

    def missing(self) -> str:
        """Return what is to be installed first, in a sentence; "" where nothing is."""
