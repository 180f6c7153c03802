"""Secrets of jobs: written once, named by definitions, read by nobody but the bodies that need them."""

from collections.abc import Iterable, Iterator
from typing import Any, Self
from uuid import uuid4

from django.db import models
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.vault.sealing import SealedField, seal, unseal


class SecretQuerySet(models.QuerySet["Secret"]):
    """Choose secrets."""

    def visible_to(self, user: User) -> Self:
        """Keep what this person may know of by name: whoever defines jobs, all of them."""
        return self if user.may(Permission.EDIT_JOBS) else self.none()


class Secret(models.Model):
    """A word that a job needs to get into another system; pages and API know its name only.

    The primary key is made before the first save: it is part of what the value is sealed for.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.SlugField(unique=True, max_length=60)
    purpose = models.CharField(max_length=200, blank=True)
    sealed = SealedField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = SecretQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def put(self, value: str) -> None:
        """Seal a value into the row, which is not saved yet."""
        seal(self, "sealed", value)

    def value(self) -> str:
        """Open the value; raises a VaultError. Only for bodies of jobs: no page ever calls it."""
        return unseal(self, "sealed")


def secret_names(config: Any) -> frozenset[str]:
    """Return the secrets that a job's configuration names.

    That is each text under a key ``secret`` and each in a list under ``secrets``, however deep they stand.
    """
    return frozenset(name for _path, name in named_secrets(config))


def named_secrets(config: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield these names, each with the dotted path of the field that holds it."""
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(config, dict):
        inside = config.items()
    elif isinstance(config, list):
        inside = enumerate(config)
    for key, value in inside:
        place = f"{path}.{key}".strip(".")
        if key == "secret" and isinstance(value, str) and value:
            yield place, value
        elif key == "secrets" and isinstance(value, list):
            yield from ((place, each) for each in value if isinstance(each, str))
        yield from named_secrets(value, place)
