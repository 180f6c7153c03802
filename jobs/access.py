"""The only way from a request to a job or a run: what somebody may not know of does not exist for them."""

from uuid import UUID

from django.http import Http404

from jobs.models import Job, Run, Schedule
from portal.accounts.access import require
from portal.accounts.models import User
from portal.accounts.permissions import Permission

_RUN_RELATED = ("job", "job__owner", "job__team", "job__pool", "pool", "requested_by", "schedule", "rerun_of")


def access_job(user: User, key: str, *, for_: Permission = Permission.VIEW_JOBS) -> Job:
    """Return the job of this key; missing and invisible are both 404, visible but not allowed is 403."""
    jobs = Job.objects.visible_to(user).select_related("owner", "team", "pool")
    job = jobs.filter(key=key).first()
    if job is None:
        raise Http404
    require(user, for_)
    return job


def access_schedule(user: User, key: str, schedule_id: int, *, for_: Permission) -> Schedule:
    """Return a schedule of this very job; another job's schedule is missing here."""
    job = access_job(user, key, for_=for_)
    schedule = job.schedules.filter(pk=schedule_id).first()
    if schedule is None:
        raise Http404
    return schedule


def access_run(user: User, identity: int | UUID, *, for_: Permission = Permission.VIEW_JOBS) -> Run:
    """Return a run by its number (pages) or its id (API), with its job; invisible is missing: 404."""
    name = "pk" if isinstance(identity, UUID) else "number"
    # PostgreSQL refuses a number beyond bigint; such a run cannot exist.
    if isinstance(identity, int) and identity >= 2**63:
        raise Http404
    run = Run.objects.visible_to(user).select_related(*_RUN_RELATED).filter(**{name: identity}).first()
    if run is None:
        raise Http404
    require(user, for_)
    return run
