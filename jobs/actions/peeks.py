"""Look into a source file: queue a look that somebody asked for."""

from django.core.exceptions import PermissionDenied
from django.db import transaction

from jobs.actions.jobs import JobDefinition, register
from jobs.actions.runs import has_room, trigger
from jobs.choices import PEEK_JOB, PEEK_KIND, Trigger
from jobs.exceptions import TooManyPeeks
from jobs.models import Job, Pool, Run
from jobs.runners.load_config import Files
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor

# Nobody has more of themselves than this open at once.
MOST_OPEN = 5

# Private, since it shows what lies in a file. It shares the places of queries: both are short, and somebody
# waits before the screen. Each look is a process of its own: what stays warm for queries may read no file.
LOOK_INTO_FILES = JobDefinition(
    key=PEEK_JOB,
    name_en="Look into a file",
    name_ko="파일 들여다보기",
    description_en="Shows the first rows of source files to the people who ask for them.",
    description_ko="원본 파일의 첫 행들을 요청한 사람에게 보여 줘요.",
    kind=PEEK_KIND,
    config={},
    parameters_schema={
        "type": "object",
        "additionalProperties": False,
        "x-order": ["path", "format"],
        "properties": {
            "type": {"type": "string"},
            "path": {"type": "string", "title": "Path", "minLength": 1, "maxLength": 500},
            "format": {"type": "string", "title": "Format"},
            "delimiter": {"type": "string", "title": "Delimiter", "maxLength": 1},
            "quote": {"type": "string", "title": "Quote", "maxLength": 1},
            "header": {"type": "boolean", "title": "Header"},
            "nulls": {"type": "array", "items": {"type": "string"}, "title": "Empty values"},
            "encoding": {"type": "string", "title": "Encoding"},
        },
        "required": ["path"],
    },
    private=True,
    pool="queries",
    priority=10,
    max_active_runs=2,
    timeout=90,
    max_attempts=1,
    alert_failed=False,
)
_SLOTS = 4
_STATED = {name: getattr(LOOK_INTO_FILES, name) for name in ("config", "parameters_schema", "pool")}


def look(*, source: Files, by: Actor, requested_by: User) -> Run:
    """Queue a look into the file that the source means, and return its run.

    Raises TooManyPeeks and JobDisabled.
    """
    if not requested_by.may(Permission.EDIT_JOBS):
        raise PermissionDenied
    job = _job()
    with transaction.atomic():
        if not has_room(job=job, asker=requested_by, most=MOST_OPEN):
            raise TooManyPeeks
        return trigger(
            job=job,
            params=source.model_dump(),
            by=by,
            trigger=Trigger.MANUAL,
            requested_by=requested_by,
            principal=f"user:{requested_by.pk}",
        ).run


def _job() -> Job:
    """Return the job, registered at its first use or where its definition has changed."""
    job = Job.objects.select_related("pool").filter(key=PEEK_JOB).first()
    if job is not None:
        standing = {"config": job.config, "parameters_schema": job.parameters_schema, "pool": job.pool.key}
        if standing == _STATED:
            return job
    Pool.objects.get_or_create(key=LOOK_INTO_FILES.pool, defaults={"slots": _SLOTS})
    return register(definition=LOOK_INTO_FILES, by=Actor.system("peek"))
