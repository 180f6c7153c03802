"""The only way from a request to a job or a run: what somebody may not know of does not exist for them."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404

from catalog.access import sees_tables
from catalog.models import Dataset, Metric
from jobs.choices import OWN_JOBS, PEEK_JOB, QUERY_JOB, REPORT_KIND, RunState
from jobs.models import (
    Artifact,
    Attempt,
    Backfill,
    DataTrigger,
    Job,
    JobVersion,
    Pool,
    Run,
    Schedule,
    Secret,
    WatchedDataset,
)
from jobs.models.job import JobQuerySet
from jobs.models.run import RunQuerySet
from portal.accounts.access import require
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.evidence.models import Citation

# What every page of a run shows. To plan ten joins takes longer than to read the run; the rest is read where
# there is any.
_RUN_RELATED = ("job", "pool", "requested_by")

# What a line of a job's list shows of a run (``jobs.run_rows``): the fewer columns, the faster.
_OF_A_RUN = (
    *("number", "job_id", "state", "trigger", "principal", "partition", "slot", "params", "attempt", "error"),
    *("created_at", "started_at", "finished_at", "requested_by__name"),
)

_FIRST_RUNS: Prepared[Run] = Prepared(
    lambda count, states, **columns: (
        Run.objects.filter(**columns, **({"state__in": states} if states else {}))
        .select_related("requested_by")
        .only(*_OF_A_RUN)
        .order_by("-id")[:count]
    )
)
_SCHEDULES: Prepared[Schedule] = Prepared(lambda *, job: Schedule.objects.filter(job=job))
_TRIGGERS: Prepared[DataTrigger] = Prepared(
    lambda *, job: DataTrigger.objects.filter(job=job).prefetch_related("watched__dataset__asset")
)
_BACKFILLS: Prepared[Backfill] = Prepared(lambda count, *, job: Backfill.objects.filter(job=job)[:count])
_ATTEMPTS: Prepared[Attempt] = Prepared(lambda *, run: Attempt.objects.filter(run=run))
_FILES: Prepared[Artifact] = Prepared(lambda *, run: Artifact.objects.filter(run=run))
_JOB: Prepared[Job] = Prepared(
    lambda *, user, key: Job.objects.visible_to(user).select_related("owner", "team", "pool").filter(key=key)
)
_RUN: Prepared[Run] = Prepared(
    lambda name, *, user, identity: (
        Run.objects.visible_to(user).select_related(*_RUN_RELATED).filter(**{name: identity})
    )
)


def unseen_jobs(keys: Collection[str], user: User) -> list[str]:
    """Return which of these keys name no job that this person may see."""
    seen = set(Job.objects.visible_to(user).filter(key__in=keys).values_list("key", flat=True))
    return [key for key in keys if key not in seen]


def access_job(user: User, key: str, *, for_: Permission = Permission.VIEW_JOBS) -> Job:
    """Return the job of this key; missing and invisible are both 404, visible but not allowed is 403.

    Allowed is who may do it with every job, by role, and whom this job names.
    """
    # An address may say NUL, which the database takes in no text.
    job = _JOB.first(user=user, key=key) if "\0" not in key else None
    if job is None:
        raise Http404
    _require_of(job, user, for_)
    return job


def runs_of(job: Job, user: User) -> RunQuerySet:
    """Return the runs of a job that was found for this person, as lists show them; of queries only their own.

    It asks no more of the job, so that the database need not plan again who may know of it.
    """
    runs = Run.objects.filter(job=job).select_related("requested_by").only(*_OF_A_RUN)
    return runs.filter(requested_by=user) if job.key in OWN_JOBS else runs


def first_runs_of(job: Job, user: User, count: int, states: frozenset[str]) -> list[Run]:
    """Return the newest of these runs that are in one of the states; without states of all."""
    own = {"requested_by": user.pk} if job.key in OWN_JOBS else {}
    return _FIRST_RUNS(count, states, job=job.pk, **own)


def schedules_of(job: Job) -> list[Schedule]:
    """Return the schedules of a job that was found for somebody."""
    found = _SCHEDULES(job=job.pk)
    for schedule in found:
        schedule.job = job
    return found


def data_triggers_of(job: Job) -> list[DataTrigger]:
    """Return its starts by new data, with what they watch: not all of that is for everybody's eyes."""
    return _TRIGGERS(job=job.pk)


def last_backfills_of(job: Job, count: int) -> list[Backfill]:
    """Return its newest backfills."""
    return _BACKFILLS(count, job=job.pk)


def attempts_of(run: Run) -> list[Attempt]:
    """Return the attempts of a run that was found for somebody."""
    return _ATTEMPTS(run=run.pk)


def files_of(run: Run) -> list[Artifact]:
    """Return its files; who may read them is for ``sees_all_of`` to say."""
    found = _FILES(run=run.pk)
    for file in found:
        file.run = run
    return found


def shown_definition(definition: Mapping[str, Any], user: User) -> dict[str, Any]:
    """Return a stated definition without the jobs before it that this person may not know of."""
    if user.may(Permission.SEE_ALL):
        return dict(definition)
    before = list(definition.get("after", ()))
    seen = set(Job.objects.visible_to(user).filter(key__in=before).values_list("key", flat=True))
    return {**definition, "after": [key for key in before if key in seen]}


def newest_definitions(jobs: JobQuerySet, user: User) -> dict[int, dict[str, Any]]:
    """Return the newest definition of each of these jobs that the person may edit, by the job's row."""
    editable = jobs.allowing(user, Permission.EDIT_JOBS)
    newest = JobVersion.objects.filter(job__in=editable, number=F("job__version"))
    return {version.job_id: shown_definition(version.definition, user) for version in newest}


def access_version(user: User, key: str, number: int) -> JobVersion:
    """Return a version of this very job to those who may edit it; a number that was never given is a 404."""
    job = access_job(user, key, for_=Permission.EDIT_JOBS)
    version = job.versions.filter(number=number).first() if number < 2**31 else None
    if version is None:
        raise Http404
    version.job = job
    return version


def access_schedule(user: User, key: str, schedule_id: int, *, for_: Permission) -> Schedule:
    """Return a schedule of this very job; another job's schedule is missing here."""
    job = access_job(user, key, for_=for_)
    # PostgreSQL refuses a number beyond bigint; such a schedule cannot exist.
    schedule = job.schedules.filter(pk=schedule_id).first() if schedule_id < 2**63 else None
    if schedule is None:
        raise Http404
    return schedule


def access_trigger(user: User, key: str, trigger_id: int, *, for_: Permission) -> DataTrigger:
    """Return a trigger by new data of this very job."""
    job = access_job(user, key, for_=for_)
    trigger = job.data_triggers.filter(pk=trigger_id).first() if trigger_id < 2**63 else None
    if trigger is None:
        raise Http404
    return trigger


def watched_keys(triggers: Collection[DataTrigger], user: User) -> dict[int, list[str]]:
    """Return the keys of the datasets that each trigger watches and this person may see, in one query."""
    visible = Dataset.objects.visible_to(user)
    watched = WatchedDataset.objects.filter(trigger__in=triggers, dataset__in=visible)
    keys: dict[int, list[str]] = {each.pk: [] for each in triggers}
    for trigger, key in watched.order_by("dataset__asset__key").values_list("trigger", "dataset__asset__key"):
        keys[trigger].append(key)
    return keys


def access_run(user: User, identity: int | UUID, *, for_: Permission = Permission.VIEW_JOBS) -> Run:
    """Return a run by its number (pages) or its id (API), with its job; invisible is missing: 404."""
    name = "pk" if isinstance(identity, UUID) else "number"
    # PostgreSQL refuses a number beyond bigint; such a run cannot exist.
    if isinstance(identity, int) and identity >= 2**63:
        raise Http404
    run = _RUN.first(name, user=user, identity=identity)
    if run is None:
        raise Http404
    _require_of(run.job, user, for_)
    return run


def access_backfill(user: User, backfill_id: int, *, for_: Permission = Permission.VIEW_JOBS) -> Backfill:
    """Return a backfill of a job that this person may know of, else 404; the job says what they may do."""
    found = Backfill.objects.visible_to(user).select_related("job", "job__pool", "requested_by")
    backfill = found.filter(pk=backfill_id).first() if backfill_id < 2**63 else None
    if backfill is None:
        raise Http404
    _require_of(backfill.job, user, for_)
    return backfill


def access_pool(user: User, key: str, *, for_: Permission) -> Pool:
    """Return the pool of this key to those who may do this; pools themselves are no secret to them."""
    require(user, for_)
    pool = Pool.objects.filter(key=key).first()
    if pool is None:
        raise Http404
    return pool


def access_artifact(user: User, identity: int | UUID, pk: UUID) -> Artifact:
    """Return a file of this very run; another run's, and one of data they may not see, is missing here."""
    run = access_run(user, identity)
    found = run.artifacts.filter(pk=pk).first()
    if found is None or not sees_all_of(user, run):
        raise Http404
    return found


def sees_all_of(user: User, run: Run) -> bool:
    """Say whether this person may see every table and metric that the run says it has read (``reads``)."""
    reads = run.outputs.get("reads")
    if not isinstance(reads, dict):
        return True
    metrics = set(reads.get("metrics") or [])
    seen = Metric.objects.visible_to(user).filter(asset__key__in=metrics).count() if metrics else 0
    return seen == len(metrics) and sees_tables(user, reads.get("tables") or [])


def access_report(user: User, key: str) -> Job:
    """Return the job of a report; a job of another kind is no report."""
    job = access_job(user, key)
    if job.kind != REPORT_KIND:
        raise Http404
    return job


def access_edition(user: User, key: str, number: int) -> Run:
    """Return an edition of this very report: a run of it that succeeded."""
    run = access_run(user, number)
    if run.job.key != key or run.job.kind != REPORT_KIND or run.state != RunState.SUCCEEDED:
        raise Http404
    return run


def access_edition_file(
    user: User, key: str, number: int, kind: str, *, language: str, section: int
) -> Artifact:
    """Return the file of an edition: a PDF by its language, a CSV by its section's number (0: the first).

    It is missing for those who may not see all that the edition reads.
    """
    run = access_edition(user, key, number)
    if kind not in {"pdf", "xlsx", "csv"} or not sees_all_of(user, run):
        raise Http404
    ending = {"pdf": f"-{language}.pdf", "csv": f"-{section:02}.csv" if section else ".csv"}
    found = run.artifacts.filter(name__endswith=ending.get(kind, ".xlsx")).first()
    if found is None:
        raise Http404
    return found


def access_cited(user: User, key: str, number: int, citation_id: int) -> tuple[Run, Citation]:
    """Return evidence that an edition cites, if the person may read all that it rests on."""
    run = access_edition(user, key, number)
    cited = Citation.objects.about("report", str(run.pk)).select_related("evidence", "evidence__result")
    citation = cited.filter(pk=citation_id).first() if citation_id < 2**63 else None
    if citation is None or hides(run, citation, user):
        raise Http404
    return run, citation


def hides(run: Run, citation: Citation, user: User) -> bool:
    """Say whether cited evidence reads a table, or is of a metric, that this person may not see."""
    evidence = str(citation.evidence_id)
    sections = run.outputs.get("sections") or []
    metrics = {each["metric"] for each in sections if each.get("evidence") == evidence and "metric" in each}
    seen = Metric.objects.visible_to(user).filter(asset__key__in=metrics).count() if metrics else 0
    return seen != len(metrics) or not sees_tables(user, citation.evidence.tables)


def access_query(user: User, number: int) -> Run:
    """Return a person's own query by its number; what somebody else asked does not exist for them."""
    require(user, Permission.RUN_SQL)
    return _own_run(user, QUERY_JOB, number)


def access_peek(user: User, number: int) -> Run:
    """Return a person's own look into a source file; what somebody else looked into is missing here."""
    require(user, Permission.EDIT_JOBS)
    return _own_run(user, PEEK_JOB, number)


def _own_run(user: User, job: str, number: int) -> Run:
    own = Run.objects.filter(job__key=job, requested_by=user)
    run = own.select_related(*_RUN_RELATED).filter(number=number).first() if number < 2**63 else None
    if run is None:
        raise Http404
    return run


def access_secret(user: User, name: str) -> Secret:
    """Return a secret to those who define jobs; a missing one is a 404."""
    require(user, Permission.EDIT_JOBS)
    secret = Secret.objects.visible_to(user).filter(name=name).first()
    if secret is None:
        raise Http404
    return secret


def _require_of(job: Job, user: User, permission: Permission) -> None:
    if not job.allows(user, permission):
        raise PermissionDenied
