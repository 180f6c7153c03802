"""Have a shown number computed again."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from jobs.actions.jobs import JobDefinition, register
from jobs.actions.runs import trigger
from jobs.choices import Trigger
from jobs.exceptions import TooManyVerifications
from jobs.models import Run
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.events import Reference
from portal.evidence.models import Evidence

# Nobody sees more of themselves than this waiting at once; the rest of the house wants to verify too.
MOST_OPEN = 10
# Asking again so soon gives the answer that is there.
PAUSE = timedelta(seconds=10)

# Private, since a run names what it is about, which may be something that not everybody sees. In a pool of
# its own, so that a verification neither waits for a long load nor keeps one waiting.
VERIFY_EVIDENCE = JobDefinition(
    key="verify-evidence",
    name_en="Verify evidence",
    name_ko="근거 검증",
    description_en="Computes a shown number again whenever somebody asks for it, and keeps the verdict.",
    description_ko="누군가 검증을 누를 때마다 보이는 값을 다시 계산하고 결과를 남겨요.",
    kind="verify",
    config={},
    parameters_schema={
        "type": "object",
        "additionalProperties": False,
        "x-order": ["about_kind", "about_key", "label", "evidence"],
        "properties": {
            "about_kind": {"type": "string", "title": "Kind of thing", "maxLength": 20},
            "about_key": {"type": "string", "title": "Key of the thing", "maxLength": 200},
            "label": {"type": "string", "title": "Name of the thing", "maxLength": 200},
            "evidence": {"type": "string", "format": "uuid", "title": "Evidence"},
        },
        "required": ["about_kind", "about_key", "label", "evidence"],
    },
    private=True,
    pool="verify",
    max_active_runs=4,
    timeout=300,
    max_attempts=2,
    backoff=1,
)


@transaction.atomic
def verify(*, evidence: Evidence, about: Reference, label: str, by: Actor, requested_by: User) -> Run:
    """Queue the verification of what stands behind something, or return the one under way or just done.

    ``about`` is that thing, ``label`` its name in the audit trail: whoever sees every run reads it, so it
    must tell nothing of a thing that not everybody sees. The job is registered here, at its first use: an
    installation without numbers has nothing to verify.
    Raises TooManyVerifications and JobDisabled.
    """
    # This locks the job's row: two clicks come one after the other.
    job = register(definition=VERIFY_EVIDENCE, by=Actor.system("verify"))
    principal = f"evidence:{evidence.pk}"
    last = Run.objects.filter(job=job, principal=principal).order_by("-number").first()
    if last is not None and (
        last.is_open or (last.finished_at and last.finished_at > timezone.now() - PAUSE)
    ):
        return last
    if Run.objects.open().filter(job=job, requested_by=requested_by).count() >= MOST_OPEN:
        raise TooManyVerifications
    return trigger(
        job=job,
        params={
            "about_kind": about[0],
            "about_key": about[1],
            "label": label,
            "evidence": str(evidence.pk),
        },
        by=by,
        trigger=Trigger.MANUAL,
        requested_by=requested_by,
        principal=principal,
        idempotency_key=f"after:{last.pk if last else 'nothing'}",
    ).run
