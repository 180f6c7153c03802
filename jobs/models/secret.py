"""Secrets of jobs: written once, named by definitions, read by nobody but the bodies that need them."""

from collections.abc import Iterable, Iterator
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
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

    The primary key is made before the first save: it is part of what the value is sealed for. ``hosts`` are
    those that jobs may send it to, in small letters; without any only code of the portal's keeper reads it.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.SlugField(unique=True, max_length=60)
    purpose = models.CharField(max_length=200, blank=True)
    hosts = ArrayField(models.CharField(max_length=253), default=list, db_default=[], blank=True)
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


def host_of(place: str) -> str:
    """Return a host, or that of an address, as those of secrets are compared; "" where there is none."""
    try:
        host = urlsplit(place).hostname or "" if "://" in place else place
    except ValueError:
        host = ""
    return host.strip().lower().rstrip(".")


def secret_names(config: Any) -> frozenset[str]:
    """Return the secrets that a job's configuration names.

    That is each text under a key ``secret`` and each in a list under ``secrets``, however deep they stand.
    """
    return frozenset(name for _path, name, _host in named_secrets(config))


def named_secrets(config: Any, path: str = "", host: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the dotted path of each field that holds such a name, the name, and the host that it goes to.

    That is the nearest ``host`` or ``url`` beside or above it; "" where code decides.
    """
    if isinstance(config, dict):
        places = [each for each in (config.get("host"), config.get("url")) if isinstance(each, str) and each]
        host = host_of(places[0]) if places else host
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(config, dict):
        inside = config.items()
    elif isinstance(config, list):
        inside = enumerate(config)
    for key, value in inside:
        place = f"{path}.{key}".strip(".")
        if key == "secret" and isinstance(value, str) and value:
            yield place, value, host
        elif key == "secrets" and isinstance(value, list):
            # A list of names is for code, which asks for each by itself.
            yield from ((place, each, "") for each in value if isinstance(each, str))
        yield from named_secrets(value, place, host)
