"""Users, teams, memberships and API tokens."""

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from portal.accounts.permissions import Permission, Role, permissions_of
from portal.accounts.prepared import Prepared
from portal.languages import spoken


class UserQuerySet(models.QuerySet["User"]):
    """Choose people."""

    def administrators(self) -> Self:
        """Keep the active administrators."""
        return self.filter(is_active=True, roles__contains=[Role.ADMINISTRATOR])

    def matching(self, words: str) -> Self:
        """Keep those whose name or e-mail contains the words; everybody for no words."""
        return self.filter(Q(name__icontains=words) | Q(email__icontains=words)) if words else self

    def after(self, pk: int) -> Self:
        """Keep those who come behind this person in the order by name."""
        name = User.objects.filter(pk=pk).values("name")[:1]
        return self.filter(Q(name__gt=name) | Q(name=name, pk__gt=pk))


class UserManager(BaseUserManager["User"]):
    """Make users; their e-mail is kept in lower case."""

    def get_queryset(self) -> UserQuerySet:
        """Return everybody."""
        return UserQuerySet(self.model, using=self._db)

    def administrators(self) -> UserQuerySet:
        """Return the active administrators."""
        return self.get_queryset().administrators()

    def matching(self, words: str) -> UserQuerySet:
        """Return those whose name or e-mail contains the words."""
        return self.get_queryset().matching(words)

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Create somebody who signs in by this e-mail; without a password they cannot sign in by one."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """Somebody who uses the portal, by e-mail."""

    email = models.EmailField(_("e-mail"), unique=True, max_length=254)
    name = models.CharField(_("name"), max_length=150)
    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=list, blank=True)
    language = models.CharField(_("language"), max_length=5, default="", blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    is_active = models.BooleanField(_("active"), default=True)
    # Part of what a session is signed with: raising it ends every session of this person.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_ignoring_case")]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        """What this person may do, by all roles together; nothing once deactivated."""
        return permissions_of(self.roles) if self.is_active else frozenset()

    @cached_property
    def team_ids(self) -> frozenset[int]:
        """The teams this person belongs to (read once a request)."""
        return frozenset(_TEAMS_OF(user=self.pk))

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Bind sessions to the password and to the epoch; Django compares it on every request."""
        return salted_hmac(
            "portal.accounts.models.User.session",
            f"{self.session_epoch}:{self.password}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()

    def may(self, permission: Permission) -> bool:
        """Say whether any of this person's roles grants the permission."""
        return permission in self.permissions

    @property
    def role_labels(self) -> list[str]:
        """The names of this person's roles, as a reader sees them."""
        return [str(Role(role).label) for role in self.roles]

    @property
    def initials(self) -> str:
        """Two letters for the face: «Ada Yoon» → AY, «윤아다» → 윤아."""
        words = self.name.split()
        return "".join(word[0] for word in words[:2]).upper() if len(words) > 1 else self.name[:2].upper()


class Team(models.Model):
    """A group of people that owns things and asks questions."""

    class Kind(models.TextChoices):
        """Business teams ask; data teams answer."""

        BUSINESS = "business", _("Business team")
        DATA = "data", _("Data team")

    key = models.SlugField(unique=True, max_length=50)
    name_en = models.CharField(max_length=100)
    name_ko = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="teams"
    )

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name_en

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return spoken(self, "name")


class Membership(models.Model):
    """Somebody belongs to a team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    since = models.DateField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id}"


_TEAMS_OF: Prepared[int] = Prepared(
    lambda *, user: Membership.objects.filter(user=user).values_list("team_id", flat=True)
)


class SavedView(models.Model):
    """A list as somebody wants to come back to it: its path and its filters; shown in their rail."""

    MOST = 12

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    path = models.CharField(max_length=200)
    query = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "path", "query"], name="saved_view_once"),
            models.UniqueConstraint(fields=["user", "name"], name="saved_view_name_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """Where it leads."""
        return f"{self.path}?{self.query}" if self.query else self.path


class TokenState(models.TextChoices):
    """Whether a token opens something."""

    ACTIVE = "active", _("Active")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {"active": "good", "expired": "neutral", "revoked": "warn"}[self.value]


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Choose tokens."""

    def usable(self) -> Self:
        """Keep the tokens that open something now: not revoked, not expired, owner active."""
        return self.filter(revoked_at=None, expires_at__gt=Now(), owner__is_active=True)


class ApiToken(models.Model):
    """A key for another system; only its hash is kept, it is shown once.

    Scopes are words such as ``catalog:read``, ``jobs:read``, ``jobs:run`` or ``jobs:run:load-flights``.
    """

    PREFIX = "ddesk_"

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    hint = models.CharField(max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=120))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def new_secret(cls) -> str:
        """Return a fresh secret of 256 bits behind a prefix that secret scanners recognise."""
        return cls.PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def digest_of(secret: str) -> str:
        """Return what is stored of a secret; 256 random bits need no slow hash."""
        return hashlib.sha256(secret.encode()).hexdigest()

    @staticmethod
    def default_expiry() -> datetime:
        """A token lasts 90 days unless somebody says otherwise."""
        return timezone.now() + timedelta(days=90)

    @property
    def state(self) -> "TokenState":
        """Whether it opens something, and if not, why."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        return TokenState.EXPIRED if self.expires_at <= timezone.now() else TokenState.ACTIVE


class FirstAdministratorLink(models.Model):
    """The one-time way in of a new production installation: printed once, used once, gone after a day."""

    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"made {self.created_at}"
