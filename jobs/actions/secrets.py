"""Store, replace and delete the secrets of jobs; the value goes in and never comes out again."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from jobs.exceptions import SecretInUse
from jobs.models import Job, Secret
from jobs.models.secret import secret_names
from portal.accounts.models import User
from portal.audit.actions import Actor, record


@transaction.atomic
def add(*, name: str, purpose: str, value: str, hosts: Sequence[str] = (), user: User, by: Actor) -> Secret:
    """Store a new secret for these hosts; a name that is taken is an IntegrityError."""
    secret = Secret(name=name, purpose=purpose, hosts=list(hosts), changed_by=user)
    secret.put(value)
    secret.save(force_insert=True)
    record("secret.added", by=by, about=_about(secret), hosts=secret.hosts)
    return secret


@transaction.atomic
def replace(
    *, secret: Secret, purpose: str, value: str, hosts: Sequence[str], user: User, by: Actor
) -> Secret:
    """Put another value in its place; runs that start from now on get it.

    Nobody sends a secret to another host without its value: who changes ``hosts`` knows it, or spoils it.
    """
    before = set(secret.hosts)
    secret.put(value)
    secret.hosts = list(hosts)
    secret.purpose, secret.changed_by, secret.changed_at = purpose, user, Now()
    secret.save(update_fields=["sealed", "purpose", "hosts", "changed_by", "changed_at"])
    changed = {"hosts": secret.hosts} if set(secret.hosts) != before else {}
    record("secret.replaced", by=by, about=_about(secret), **changed)
    return secret


@transaction.atomic
def delete(*, secret: Secret, by: Actor) -> None:
    """Delete a secret; raises SecretInUse while a job names it."""
    # A job that is changed to name it at this very moment fails with a reason that says what is missing.
    if jobs := used_by([secret.name])[secret.name]:
        raise SecretInUse(", ".join(job.key for job in jobs))
    secret.delete()
    record("secret.deleted", by=by, about=_about(secret))


def used_by(names: list[str]) -> dict[str, list[Job]]:
    """Return for each secret the jobs whose configuration names it."""
    found: dict[str, list[Job]] = {name: [] for name in names}
    for job in Job.objects.only("key", "name_en", "name_ko", "config"):
        for name in secret_names(job.config) & found.keys():
            found[name].append(job)
    return found


def _about(secret: Secret) -> tuple[str, str, str]:
    return ("secret", secret.name, secret.name)
