"""Asset: what everything in the catalog has in common."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.choices import AssetKind, Certification, Sensitivity, Visibility
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.languages import spoken


class AssetQuerySet(models.QuerySet["Asset"]):
    """Choose assets."""

    def visible_to(self, user: User) -> Self:
        """Keep what this person may know of: company-wide, or of one of their teams, or their own."""
        if not user.may(Permission.VIEW_CATALOG):
            return self.none()
        if user.may(Permission.SEE_ALL):
            return self
        return self.filter(Q(visibility=Visibility.COMPANY) | Q(team_id__in=user.team_ids) | Q(owner=user))


class Asset(models.Model):
    """A thing in the catalog; each kind adds its own table, joined one to one."""

    kind = models.CharField(max_length=20, choices=AssetKind)
    key = models.CharField(max_length=200)
    name_en = models.CharField(max_length=200)
    name_ko = models.CharField(max_length=200, blank=True)
    description_en = models.TextField(blank=True)
    description_ko = models.TextField(blank=True)
    synonyms = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="assets")
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="assets")
    certification = models.CharField(max_length=12, choices=Certification, default=Certification.NONE)
    certified_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    sensitivity = models.CharField(max_length=12, choices=Sensitivity, default=Sensitivity.INTERNAL)
    visibility = models.CharField(max_length=12, choices=Visibility, default=Visibility.COMPANY)
    search = SearchVectorField(null=True, editable=False)
    edited_at = models.DateTimeField(
        null=True, editable=False, help_text="When a person last changed its words."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AssetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="asset_key_once_a_kind"),
            models.CheckConstraint(
                condition=~Q(visibility=Visibility.TEAM) | Q(team__isnull=False) | Q(owner__isnull=False),
                name="asset_hidden_from_all_but_somebody",
            ),
        ]
        indexes = [
            # No list of pending entries: every search would read it, and the planner would shun the index.
            GinIndex(fields=["search"], name="asset_search", fastupdate=False),
            models.Index(fields=["kind", "name_en", "id"], name="asset_list"),
        ]

    def __str__(self) -> str:
        return self.name_en

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return spoken(self, "name")

    @property
    def description(self) -> str:
        """The description in the reader's language."""
        return spoken(self, "description")
