"""Jobs, the pools that limit them and the schedules that start them."""

from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.models import Dataset
from jobs.choices import ASKED_KINDS, Isolation, Misfire, OnConflict, Source
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.languages import spoken
from portal.matching import Like

# What somebody may do with a job that names them as one who runs it.
RUNNING = frozenset({Permission.RUN_JOBS, Permission.CANCEL_RUNS})

_OF_A_ROW = ("key", "name_en", "name_ko", "kind", "parameters_schema", "enabled")
_BESIDE_A_ROW = {
    "owner_name": F("owner__name"),
    "team_name_en": F("team__name_en"),
    "team_name_ko": F("team__name_ko"),
}
_WORDS = ("key", "name_en", "name_ko", "description_en", "description_ko")


class Pool(models.Model):
    """A limit that several jobs share: at most ``slots`` of their runs at a time."""

    key = models.SlugField(unique=True, max_length=50)
    slots = models.PositiveSmallIntegerField(default=4)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(slots__gte=1), name="pool_has_a_slot")]

    def __str__(self) -> str:
        return self.key


class JobQuerySet(models.QuerySet["Job"]):
    """Choose jobs."""

    def visible_to(self, user: User) -> Self:
        """Keep what this person may know of: company-wide, their team's, their own, or opened to them.

        Whoever may run or edit a private job sees it.
        """
        if not user.may(Permission.VIEW_JOBS):
            return self.none()
        if user.may(Permission.SEE_ALL):
            return self
        own = Q(private=False) | Q(team_id__in=user.team_ids) | Q(owner=user)
        return self.filter(own | _named(user, "runner") | _named(user, "editor"))

    def filling(self, tables: Collection[str]) -> Self:
        """Keep the jobs that fill one of these tables: by their target, or where they have none as the last.

        A job that is switched off fills nothing any more, nor does one whose target is another by now.
        """
        published = Dataset.objects.filter(physical_name__in=tables).exclude(published_by=None)
        last = self.model.objects.filter(runs__in=published.values("published_by"))
        named = Q(config__target__in=list(tables))
        return self.filter(named | Q(pk__in=last.values("pk"), config__target__isnull=True), enabled=True)

    def ordinary(self) -> Self:
        """Leave out the jobs that only stand behind other pages, such as queries and verifications."""
        return self.exclude(kind__in=ASKED_KINDS)

    def for_rows(self) -> Self:
        """Read only what a line of the list shows (``jobs.job_rows``): the fewer columns, the faster."""
        return self.only(*_OF_A_ROW).annotate(**_BESIDE_A_ROW)

    def matching(self, patterns: Iterable[str]) -> Self:
        """Keep the jobs whose key, names or descriptions hold each pattern (``portal.matching``)."""
        found = self
        for pattern in patterns:
            found = found.filter(reduce(or_, (Q(Like(F(name), pattern)) for name in _WORDS)))
        return found

    def allowing(self, user: User, permission: Permission) -> Self:
        """Keep the jobs with which this person may do it, by role or because the job names them or a team.

        Jobs that are asked for at a place of their own are started there alone.
        """
        jobs = self.exclude(kind__in=ASKED_KINDS) if permission == Permission.RUN_JOBS else self
        if user.may(permission):
            return jobs
        if permission == Permission.EDIT_JOBS:
            return jobs.filter(_named(user, "editor"))
        if permission in RUNNING:
            return jobs.filter(_named(user, "runner") | _named(user, "editor"))
        return self.none()


def _named(user: User, part: str) -> Q:
    """Say where a job names the person, or one of their teams, as its «runner» or «editor»."""
    people = getattr(Job, f"{part}s").through.objects.filter(user=user)
    teams = getattr(Job, f"{part}_teams").through.objects.filter(team__in=user.team_ids)
    return Q(pk__in=people.values("job")) | Q(pk__in=teams.values("job"))


class Job(models.Model):
    """Something that can be run: a kind, its configuration, and the rules of running it.

    Durations are whole seconds; ``late_after`` and ``finish_within`` count from the slot. ``done_by`` is a
    time of day such as «06:30» in ``done_by_zone``: a slot's run should have ended when it next comes.
    ``parameters_schema`` is a JSON Schema (2020-12) of an object. ``runners``
    and ``editors`` are people, and teams, who may do so beyond what their roles allow. ``source`` says where
    the definition is changed; ``origin`` is the file of a job that comes from one.
    """

    key = models.SlugField(unique=True, max_length=100)
    name_en = models.CharField(max_length=200)
    name_ko = models.CharField(max_length=200, blank=True)
    description_en = models.TextField(blank=True)
    description_ko = models.TextField(blank=True)
    kind = models.CharField(max_length=30)
    config = models.JSONField(default=dict)
    parameters_schema = models.JSONField(default=dict)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs")
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs")
    private = models.BooleanField(default=False, help_text="Seen by its owner and team only.")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="jobs")
    priority = models.SmallIntegerField(default=0, help_text="Higher starts first.")
    max_active_runs = models.PositiveSmallIntegerField(default=1)
    on_conflict = models.CharField(max_length=8, choices=OnConflict, default=OnConflict.QUEUE)
    timeout = models.PositiveIntegerField(default=3600)
    start_deadline = models.PositiveIntegerField(null=True, blank=True)
    alert_failed = models.BooleanField(default=True, db_default=True)
    late_after = models.PositiveIntegerField(null=True, blank=True)
    finish_within = models.PositiveIntegerField(null=True, blank=True)
    done_by = models.CharField(max_length=5, blank=True, default="", db_default="")
    done_by_zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    alert_longer = models.BooleanField(default=False, db_default=False)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    backoff = models.PositiveIntegerField(default=10)
    backoff_cap = models.PositiveIntegerField(default=600)
    isolation = models.CharField(max_length=8, choices=Isolation, default=Isolation.FORK)
    enabled = models.BooleanField(default=True)
    runners = models.ManyToManyField(User, blank=True, related_name="+")
    runner_teams = models.ManyToManyField(Team, blank=True, related_name="+")
    editors = models.ManyToManyField(User, blank=True, related_name="+")
    editor_teams = models.ManyToManyField(Team, blank=True, related_name="+")
    # Every job there was before this column came from code.
    source = models.CharField(max_length=6, choices=Source, default=Source.PORTAL, db_default="code")
    origin = models.CharField(max_length=300, blank=True, default="", db_default="")
    version = models.PositiveIntegerField(default=1)
    after = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="followers")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=Q(max_attempts__gte=1), name="job_has_an_attempt"),
            models.CheckConstraint(condition=Q(max_active_runs__gte=1), name="job_may_run"),
            models.CheckConstraint(condition=Q(timeout__gte=1), name="job_has_time"),
            models.CheckConstraint(
                condition=Q(done_by="") | Q(done_by__regex=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
                name="job_done_by_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return spoken(self, "name")

    @property
    def description(self) -> str:
        """The description in the reader's language."""
        return spoken(self, "description")

    @property
    def made_here(self) -> bool:
        """Whether its definition is changed in the portal, not in code or in a file."""
        return self.source == Source.PORTAL

    @property
    def is_gone(self) -> bool:
        """Whether it came from a file, and no file defines it any more."""
        return self.source == Source.FILE and not self.origin

    def allows(self, user: User, permission: Permission) -> bool:
        """Say whether this person may do it with this job, as ``allowing`` says of many."""
        if permission == Permission.RUN_JOBS and self.kind in ASKED_KINDS:
            return False
        if user.may(permission):
            return True
        named = permission == Permission.EDIT_JOBS or permission in RUNNING
        return named and bool(_ALLOWING(permission, user=user, job=self.pk))


_ALLOWING: Prepared[int] = Prepared(
    lambda permission, *, user, job: (
        Job.objects.filter(pk=job).allowing(user, permission).values_list("pk", flat=True)
    )
)


class Schedule(models.Model):
    """When a job starts by itself: a cron line in a zone, or every so many seconds from an anchor.

    ``from_code`` marks what the job's definition states: there it is changed, and nowhere else. ``missed``
    counts the slots that were left out since it was last changed; ``missed_at`` is the newest of them.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="schedules")
    cron = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    interval = models.PositiveIntegerField(null=True, blank=True)
    anchor = models.DateTimeField(db_default=Now())
    params = models.JSONField(default=dict, blank=True)
    by_slot = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Parameters that take a partition from the slot: «day-1».",
    )
    misfire = models.CharField(max_length=8, choices=Misfire, default=Misfire.LATEST)
    grace = models.PositiveIntegerField(default=300, help_text="A slot this late is still on time.")
    max_catchup = models.PositiveSmallIntegerField(default=24)
    enabled = models.BooleanField(default=True)
    next_slot = models.DateTimeField(null=True)
    from_code = models.BooleanField(db_default=False, default=False)
    missed = models.PositiveIntegerField(db_default=0, default=0)
    missed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(cron="") & Q(interval__gte=1)) | (~Q(cron="") & Q(interval__isnull=True)),
                name="schedule_cron_or_interval",
            ),
        ]
        indexes = [
            models.Index(fields=["next_slot"], condition=Q(enabled=True), name="schedule_due"),
        ]

    def __str__(self) -> str:
        return self.cron or f"every {self.interval} s"


class JobVersion(models.Model):
    """A job's definition as it was, and who made it so; a run names the version it ran by."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    made_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    restored_from = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = [F("number").desc()]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_version_once")]

    def __str__(self) -> str:
        return f"{self.job_id} v{self.number}"
