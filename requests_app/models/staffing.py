"""Who answers: pools, placements in business teams, absences and duty."""

from datetime import date
from typing import Self, TypeVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from portal.accounts.models import Team, User
from portal.languages import spoken
from requests_app.choices import PoolKind

_Row = TypeVar("_Row", bound=models.Model)


class DatedQuerySet(models.QuerySet[_Row]):
    """Choose rows by the days they hold for."""

    def on(self, day: date) -> Self:
        """Keep what holds on this day; without an end it holds on."""
        return self.filter(Q(starts__lte=day) & (Q(ends=None) | Q(ends__gte=day)))


class Pool(models.Model):
    """A queue and the people who work it: the central rotation, or the owners of some team's data."""

    key = models.SlugField(unique=True, max_length=50)
    name_en = models.CharField(max_length=100)
    name_ko = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=10, choices=PoolKind)
    team = models.OneToOneField(
        Team,
        on_delete=models.CASCADE,
        null=True,
        related_name="pool",
        help_text="The team whose data it answers for.",
    )

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="owner") | Q(team__isnull=False), name="pool_owner_has_team"
            )
        ]

    def __str__(self) -> str:
        return self.name_en

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return spoken(self, "name")


class PoolMember(models.Model):
    """Somebody works a pool: how many questions at once, and what share of the new ones."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="pools")
    wip_limit = models.PositiveSmallIntegerField(default=3)
    weight = models.DecimalField(max_digits=3, decimal_places=2, default=1)
    starts = models.DateField(db_default=Now())
    ends = models.DateField(null=True)

    objects = DatedQuerySet["PoolMember"].as_manager()

    class Meta:
        ordering = ["pool", "user"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "user"], name="pool_member_once"),
            models.CheckConstraint(condition=Q(wip_limit__gte=1), name="pool_member_may_hold_one"),
            models.CheckConstraint(condition=Q(weight__gt=0), name="pool_member_has_weight"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.pool_id}"


class Tour(models.Model):
    """An analyst is placed in a business team for a while, and answers its questions first."""

    analyst = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tours")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tours")
    starts = models.DateField()
    ends = models.DateField(null=True)

    objects = DatedQuerySet["Tour"].as_manager()

    class Meta:
        ordering = ["-starts", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends__isnull=True) | Q(ends__gte=F("starts")), name="tour_forward"
            ),
            models.UniqueConstraint(fields=["analyst", "team", "starts"], name="tour_once"),
        ]
        indexes = [models.Index(fields=["team", "ends"], name="tour_of_team")]

    def __str__(self) -> str:
        return f"{self.analyst_id} in {self.team_id}"


class Absence(models.Model):
    """Somebody is away, first and last day included."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="absences")
    starts = models.DateField()
    ends = models.DateField()
    note = models.CharField(max_length=100, blank=True)

    objects = DatedQuerySet["Absence"].as_manager()

    class Meta:
        ordering = ["starts", "id"]
        constraints = [models.CheckConstraint(condition=Q(ends__gte=F("starts")), name="absence_forward")]
        indexes = [models.Index(fields=["user", "ends"], name="absence_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id} away from {self.starts}"


class DutyShift(models.Model):
    """Somebody is on triage duty on these days, and may triage while it lasts."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="duty")
    starts = models.DateField()
    ends = models.DateField()

    objects = DatedQuerySet["DutyShift"].as_manager()

    class Meta:
        ordering = ["starts", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends__gte=F("starts")), name="duty_forward"),
            models.UniqueConstraint(fields=["user", "starts"], name="duty_once"),
        ]
        indexes = [models.Index(fields=["ends"], name="duty_by_end")]

    def __str__(self) -> str:
        return f"{self.user_id} on duty from {self.starts}"
