"""Bring the jobs into step with a folder of files."""

from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction

from jobs.actions.jobs import register
from jobs.actions.schedules import go_on
from jobs.choices import Source
from jobs.definitions import JobDefinition
from jobs.exceptions import DefinedElsewhere, FieldError, InvalidDefinition
from jobs.job_files import Fault, ReadFile, in_order, read_folder
from jobs.models import Job
from jobs.runners.registry import SYSTEM_KINDS
from portal.audit.actions import Actor, record
from portal.said import said


@dataclass(slots=True)
class Synced:
    """What came of it: keys of jobs, and what is wrong with which file."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    switched_off: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Faulty(Exception):
    """A file cannot be taken over; whatever of it was written is rolled back."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__()
        self.errors = errors


def sync(*, folder: str, by: Actor) -> Synced:
    """Create and change the jobs of the folder's files, each file wholly or not at all.

    A job that no file defines any more is switched off, and on again when it comes back. A faulty file
    changes nothing, neither by what it says nor by what it does not.
    """
    synced = Synced()
    root = Path(folder)
    if not folder or not root.is_dir():
        synced.faults.append(Fault(folder or "JOBS_FOLDER", said("There is no such folder.")))
        return synced
    files = read_folder(root)
    for each in files:
        synced.faults += each.faults
    claimed = _claims(files, synced)
    _take_over([each for each in files if not each.faults], synced, by)
    # A folder that was not mounted looks like one in which everything was deleted.
    if not files and Job.objects.filter(source=Source.FILE).exclude(origin="").exists():
        synced.faults.append(Fault(folder, said("It holds no file of jobs, so nothing is switched off.")))
    elif files:
        _switch_off(claimed, {fault.file for fault in synced.faults}, synced, by)
    return synced


def _claims(files: list[ReadFile], synced: Synced) -> set[str]:
    """Return the keys that files define; the second file that claims a key is faulty."""
    claimed: dict[str, str] = {}
    for each in files:
        for position, definition in enumerate(each.definitions):
            other = claimed.setdefault(definition.key, f"{each.name}:{position}")
            if other != f"{each.name}:{position}":
                message = said("%(file)s defines this job as well.", file=other.rpartition(":")[0])
                error = FieldError(field=f"jobs.{position}.key", message=message)
                each.faults.append(each.fault(error))
                synced.faults.append(each.fault(error))
    return set(claimed)


def _take_over(files: list[ReadFile], synced: Synced, by: Actor) -> None:
    """Register file by file; one whose jobs come after those of another is tried again behind it."""
    waiting = files
    while waiting:
        refused: list[tuple[ReadFile, list[FieldError]]] = []
        for each in waiting:
            try:
                _register(each, synced, by)
            except _Faulty as error:
                refused.append((each, error.errors))
        if len(refused) == len(waiting):
            synced.faults += [each.fault(error) for each, errors in refused for error in errors]
            return
        waiting = [each for each, _errors in refused]


def _register(file: ReadFile, synced: Synced, by: Actor) -> None:
    done: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": []}
    with transaction.atomic():
        for position, definition in in_order(file.definitions):
            before = Job.objects.filter(key=definition.key).first()
            try:
                _refuse_system(definition)
                job = register(definition=definition, by=by, source=Source.FILE, origin=file.name)
            except InvalidDefinition as error:
                raise _Faulty(
                    [
                        FieldError(field=f"jobs.{position}.{each['field']}", message=each["message"])
                        for each in error.errors
                    ]
                ) from error
            except DefinedElsewhere as error:
                message = said("A job of this key was made in the portal or in code.")
                raise _Faulty([FieldError(field=f"jobs.{position}.key", message=message)]) from error
            if before is not None and before.is_gone:
                _switch(job, by, on=True)
            kind = "created" if before is None else "unchanged"
            done["changed" if before and before.version != job.version else kind].append(job.key)
    for name, keys in done.items():
        getattr(synced, name).extend(keys)


def _refuse_system(definition: JobDefinition) -> None:
    if definition.kind in SYSTEM_KINDS:
        message = said("Jobs of this kind are the portal’s own.")
        raise InvalidDefinition([FieldError(field="kind", message=message)])


def _switch_off(claimed: set[str], faulty: set[str], synced: Synced, by: Actor) -> None:
    """Switch off what no file defines any more; what a faulty file may have defined stays as it is."""
    gone = Job.objects.filter(source=Source.FILE).exclude(origin="").exclude(key__in=claimed)
    for job in gone.exclude(origin__in=faulty):
        with transaction.atomic():
            Job.objects.filter(pk=job.pk).update(origin="")
            _switch(job, by, on=False)
        synced.switched_off.append(job.key)


def _switch(job: Job, by: Actor, *, on: bool) -> None:
    if Job.objects.filter(pk=job.pk).exclude(enabled=on).update(enabled=on):
        if on:
            go_on(job)
        action = "job.switched_on" if on else "job.switched_off"
        record(action, by=by, about=("job", job.key, job.name_en))
