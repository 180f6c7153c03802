"""Store, replace and delete the secrets of jobs; the value goes in and never comes out again."""

from django.db import transaction
from django.db.models.functions import Now

from jobs.exceptions import SecretInUse
from jobs.models import Job, Secret
from jobs.models.secret import secret_names
from portal.accounts.models import User
from portal.audit.actions import Actor, record


@transaction.atomic
def add(*, name: str, purpose: str, value: str, user: User, by: Actor) -> Secret:
    """Store a new secret; a name that is taken is an IntegrityError."""
    secret = Secret(name=name, purpose=purpose, changed_by=user)
    secret.put(value)
    secret.save(force_insert=True)
    record("secret.added", by=by, about=_about(secret))
    return secret


@transaction.atomic
def replace(*, secret: Secret, purpose: str, value: str, user: User, by: Actor) -> Secret:
    """Put another value in its place; runs that start from now on get it."""
    secret.put(value)
    secret.purpose, secret.changed_by, secret.changed_at = purpose, user, Now()
    secret.save(update_fields=["sealed", "purpose", "changed_by", "changed_at"])
    record("secret.replaced", by=by, about=_about(secret))
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
