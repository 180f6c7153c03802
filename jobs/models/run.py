"""Runs: the row in PostgreSQL is the truth about what ran, runs and will run."""

import os
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import uuid_utils
import uuid_utils.compat
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Now

from jobs.choices import (
    ASKED_KINDS,
    FOLLOWING_KINDS,
    OWN_JOBS,
    Reason,
    RunState,
    Trigger,
)
from jobs.models.backfill import Backfill
from jobs.models.job import Job, Pool, Schedule
from jobs.schemas import with_defaults
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.said import retold

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta

BY_HAND = (Trigger.MANUAL, Trigger.API)
# Deeper chains of runs are followed no further.
LONGEST_CHAIN = 50
# Its generator lives in the process's memory: two forks of one process would make the same ids.
os.register_at_fork(after_in_child=uuid_utils.reseed_rng)


class RunQuerySet(models.QuerySet["Run"]):
    """Choose runs."""

    def visible_to(self, user: User) -> Self:
        """Keep the runs of jobs that this person may know of; of what people ask only their own.

        What somebody asked stands in a run's parameters, log, events and errors: so its run is theirs.
        """
        if not user.may(Permission.VIEW_JOBS):
            return self.none()
        jobs = Job.objects.visible_to(user).exclude(key__in=OWN_JOBS)
        own = Job.objects.filter(key__in=OWN_JOBS)
        return self.filter(Q(job__in=jobs) | Q(job__in=own, requested_by=user))

    def ordinary(self) -> Self:
        """Leave out the runs that only stand behind other pages, such as queries and verifications."""
        return self.exclude(job__kind__in=ASKED_KINDS)

    def open(self) -> Self:
        """Keep the runs that something still comes after."""
        return self.filter(state__in=RunState.open())

    def claimable(self) -> Self:
        """Keep the queued runs whose time has come."""
        due = self.filter(state=RunState.QUEUED, available_at__lte=Now())
        return due.filter(Q(backfill__isnull=True) | Q(backfill__paused=False))

    def ended_by_word(self, job: Job) -> Self:
        """Keep the runs of this job that a cancel ends at once: nothing of theirs goes on anywhere."""
        queued = self.filter(state=RunState.QUEUED)
        return queued.filter(started_at=None) if job.kind in FOLLOWING_KINDS else queued

    def stopped_by_holder(self, job: Job) -> Self:
        """Keep the other open runs of this job that nobody asked to stop yet."""
        waiting = Q(state=RunState.QUEUED, started_at__isnull=False)
        began = Q(state__in=[RunState.RUNNING, RunState.DEFERRED])
        began |= waiting if job.kind in FOLLOWING_KINDS else Q()
        return self.filter(began, cancel_requested_at=None)

    def proving(self, run: "Run") -> Self:
        """Keep the runs whose success proves that what this one did works again.

        One with other parameters that somebody chose proves nothing of what fails by schedule.
        """
        return self.filter(~Q(trigger__in=BY_HAND) | Q(trigger=run.trigger) | Q(params=run.params))

    def proved_by(self, run: "Run") -> Self:
        """Keep the runs of which the success of this one says that they work again: see ``proving``."""
        return self.filter(Q(trigger=run.trigger) | Q(params=run.params)) if run.by_hand else self

    def to_look_after(self) -> Self:
        """Keep the deferred runs after which a worker should look now."""
        return self.filter(state=RunState.DEFERRED, available_at__lte=Now())

    def held(self, fence: int) -> Self:
        """Keep the run only while the holder of this fence may write: the test of each of its updates."""
        return self.filter(fence=fence, state=RunState.RUNNING)

    def insert_once(self, run: "Run") -> "tuple[Run, bool]":
        """Insert the run unless its key or slot is taken; return the run that stands, and whether it is new.

        ``ON CONFLICT DO NOTHING`` waits for a rival transaction, so the read that follows finds its row: of
        any number of equal triggers exactly one inserts and none fails.
        """
        if run.idempotency_key is None and run.slot is None:
            run.save(force_insert=True)
            return run, True
        self.bulk_create([run], ignore_conflicts=True)
        standing = self.in_place_of(run)
        if standing is None:
            raise Run.DoesNotExist
        return standing, standing.pk == run.pk

    def in_place_of(self, run: "Run") -> "Run | None":
        """Return the stored run with the key or slot of this one."""
        key: dict[str, Any] = {"schedule": run.schedule_id, "slot": run.slot}
        if run.idempotency_key is not None:
            key = {"job": run.job_id, "principal": run.principal, "idempotency_key": run.idempotency_key}
        standing = _STANDING.first(pk=run.pk, **key)
        if standing is not None:
            standing.job = run.job
        return standing

    def begun(self, after: "Collection[int]", principals: "Collection[str]") -> Self:
        """Keep the runs that these principals, runs of these jobs, have started."""
        jobs = Job.objects.filter(Q(after__in=after) | Q(data_triggers__isnull=False))
        # With the job first the look-up is by the unique key of (job, principal, key).
        return self.filter(job__in=jobs, principal__in=principals, trigger__in=[Trigger.AFTER, Trigger.DATA])

    def jobs_leading_to(self, run: "Run") -> set[int]:
        """Return the jobs of the runs that led to this one, its own included."""
        found = {run.job_id}
        origin = run.origin_id
        for _ in range(LONGEST_CHAIN):
            before = self.filter(pk=origin).only("job_id", "principal", "trigger").first() if origin else None
            if before is None:
                break
            found.add(before.job_id)
            origin = before.origin_id
        return found

    def start_followers(self, run: "Run") -> "list[Run]":
        """Queue the jobs that come after this run's, once each; called where the run's success is written."""
        started = []
        for job in run.job.followers.filter(enabled=True).select_related("pool"):
            follower = Run.of(
                job,
                trigger=Trigger.AFTER,
                idempotency_key=f"after:{run.pk}",
                principal=f"run:{run.pk}",
                requested_by_id=run.requested_by_id,
            )
            standing, created = self.insert_once(follower)
            if created:
                data = {"trigger": Trigger.AFTER, "after": run.number}
                RunEvent.objects.create(run=standing, kind="queued", data=data)
                started.append(standing)
        return started


# The run that holds an id, or this key or slot.
_STANDING: "Prepared[Run]" = Prepared(lambda *, pk, **key: Run.objects.filter(Q(pk=pk) | Q(**key)))


class Run(models.Model):
    """One run of a job: queued, worked on in attempts, ended once.

    ``fence`` rises with each claim; a write that names an older fence changes no row. Times are the
    database's own clock. While its work goes on in another system it is deferred: ``elsewhere`` is
    ``{"system", "id", "url", "memo"}`` and ``looks`` counts how often it was let go; from then on a worker
    holds it only to look there, without a place in its pool, when ``available_at`` has come.
    ``progress`` is ``{"step", "steps": [{"key", "started_at", "ended_at"}],
    "fraction", "note"}``; ``error`` is ``{"class", "message", "detail"}``; ``outputs`` is what the kind kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=Func(Value("jobs_run_number"), function="nextval", output_field=models.BigIntegerField()),
    )
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="runs")
    job_version = models.PositiveIntegerField(default=1)
    trigger = models.CharField(max_length=10, choices=Trigger)
    schedule = models.ForeignKey(Schedule, on_delete=models.SET_NULL, null=True, related_name="runs")
    slot = models.DateTimeField(null=True)
    # Without an index of its own: few runs have one, and those stand in a partial index.
    backfill = models.ForeignKey(
        Backfill, on_delete=models.SET_NULL, null=True, related_name="runs", db_index=False
    )
    partition = models.CharField(max_length=10, blank=True, db_default="", default="")
    rerun_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="reruns")
    idempotency_key = models.CharField(max_length=255, null=True)
    asked = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="SHA-256 of what was sent with the key, before defaults were filled in.",
    )
    principal = models.CharField(max_length=60, help_text="Whose key it is: user:1, token:2, run:…")
    # In an index of its own order: run_by_person.
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    params = models.JSONField(default=dict)
    priority = models.SmallIntegerField(default=0)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    reason = models.CharField(max_length=20, choices=Reason, default=Reason.NONE, blank=True)
    available_at = models.DateTimeField(db_default=Now())
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=1)
    hand_overs = models.PositiveSmallIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    timeout_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=200, blank=True)
    progress = models.JSONField(default=dict)
    elsewhere = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    looks = models.PositiveIntegerField(default=0, db_default=0)
    outputs = models.JSONField(default=dict)
    error = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "slot"], name="run_slot_once"),
            models.UniqueConstraint(
                fields=["job", "principal", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="run_idempotency_key_once",
            ),
            models.UniqueConstraint(
                fields=["backfill", "partition"],
                condition=Q(backfill__isnull=False, rerun_of__isnull=True),
                name="run_partition_once",
            ),
            models.CheckConstraint(
                condition=Q(state="running", lease_until__isnull=False)
                | (~Q(state="running") & Q(lease_until__isnull=True)),
                name="run_lease_while_running",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "deferred"], finished_at__isnull=True)
                | (~Q(state__in=["queued", "running", "deferred"]) & Q(finished_at__isnull=False)),
                name="run_finished_at_its_end",
            ),
        ]
        indexes = [
            # The order in which a claim looks: each requester's best run, found without reading the queue.
            models.Index(
                F("pool"),
                Coalesce("requested_by", Value(0, output_field=models.BigIntegerField())),
                F("priority").desc(),
                F("available_at"),
                F("id"),
                condition=Q(state="queued"),
                name="run_claimable",
            ),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="run_leases"),
            models.Index(fields=["pool", "job"], condition=Q(state="running"), name="run_running"),
            models.Index(fields=["available_at"], condition=Q(state="deferred"), name="run_deferred"),
            models.Index(fields=["job", "-id"], name="run_of_job"),
            models.Index(fields=["state", "-id"], name="run_by_state"),
            models.Index(fields=["requested_by", "-id"], name="run_by_person"),
            models.Index(fields=["trigger", "-id"], name="run_by_trigger"),
            # What a run has started: its followers, and those that its data started.
            models.Index(
                fields=["principal", "id"],
                condition=Q(trigger__in=[Trigger.AFTER, Trigger.DATA]),
                name="run_started_by_run",
            ),
            models.Index(fields=["created_at"], name="run_by_time"),
            models.Index(
                fields=["backfill", "partition", "-id"],
                condition=Q(backfill__isnull=False),
                name="run_of_backfill",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.number}"

    @classmethod
    def of(cls, job: Job, *, params: "Mapping[str, Any] | None" = None, **fields: Any) -> Self:
        """Return a run, not stored yet, by the rules that its job has now.

        A parameter that is not given takes its default, whoever starts it.
        """
        rules: dict[str, Any] = {
            "job_version": job.version,
            "priority": job.priority,
            "pool_id": job.pool_id,
            "max_attempts": job.max_attempts,
            "params": with_defaults(params or {}, job.parameters_schema),
        }
        return cls(job=job, **{**rules, **fields})

    @property
    def origin_id(self) -> UUID | None:
        """The run whose success or new data started this one; None for every other trigger."""
        started = self.trigger in {Trigger.AFTER, Trigger.DATA}
        return UUID(self.principal.removeprefix("run:")) if started else None

    @property
    def by_hand(self) -> bool:
        """Whether somebody, or another system, chose its parameters."""
        return self.trigger in BY_HAND

    @property
    def is_open(self) -> bool:
        """Whether something still comes after."""
        return self.state in RunState.open()

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return RunState(self.state).tone

    @property
    def waits_elsewhere(self) -> bool:
        """Whether its work goes on in another system, also while a worker looks after it for a moment."""
        return self.state == RunState.DEFERRED or (self.state == RunState.RUNNING and self.looks > 0)

    @property
    def trouble(self) -> str:
        """What went wrong, in the reader's language as far as it can be said so; "" where nothing did."""
        return retold(self.error.get("said"), str(self.error.get("message", "")))

    @property
    def told_error(self) -> dict[str, str]:
        """Class and message of what went wrong as other systems are told, in English and shortened."""
        return {
            "class": str(self.error.get("class", "")),
            "message": str(self.error.get("message", ""))[:1000],
        }

    @property
    def duration(self) -> "timedelta | None":
        """Time from the first start to the end; None before the end."""
        return self.finished_at - self.started_at if self.started_at and self.finished_at else None


class RunEvent(models.Model):
    """What happened to a run, appended in the transaction of the change itself."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=20)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.run_id} {self.kind}"
