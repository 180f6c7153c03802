"""Who watches what. Watching is a preference of one's own; only what others do to it leaves a trace."""

from django.db import transaction
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from portal.discussion.choices import WatchedBy
from portal.discussion.models import Watch
from portal.events import Reference


@transaction.atomic
def watch(*, reference: Reference, user: User, by: Actor, how: WatchedBy = WatchedBy.HAND) -> bool:
    """Let somebody hear of a thing; says whether that is new."""
    kind, key = reference
    _watch, created = Watch.objects.get_or_create(
        about_kind=kind, about_key=key, user=user, defaults={"how": how}
    )
    if created and how != WatchedBy.COMMENT:
        record("watch.started", by=by, about=(kind, key, ""), person=user.name, how=how)
    return created


@transaction.atomic
def unwatch(*, reference: Reference, user: User, by: Actor) -> bool:
    """Let somebody hear of a thing no more; says whether they did before."""
    kind, key = reference
    count, _ = Watch.objects.filter(about_kind=kind, about_key=key, user=user).delete()
    if count:
        record("watch.ended", by=by, about=(kind, key, ""), person=user.name)
    return count > 0


def watchers(reference: Reference) -> QuerySet[User]:
    """Return the active people who watch a thing, by name."""
    kind, key = reference
    return User.objects.filter(watches__about_kind=kind, watches__about_key=key, is_active=True).order_by(
        "name", "pk"
    )
