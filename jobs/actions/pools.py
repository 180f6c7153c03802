"""Change how many runs a pool lets go at a time."""

from django.db import transaction
from django.utils.translation import gettext as _

from jobs.engine.wake import wake
from jobs.exceptions import RefusedTrigger, wrong
from jobs.models import Pool
from portal.audit.actions import Actor, record

MOST_SLOTS = 1000


@transaction.atomic
def set_slots(*, pool: Pool, slots: int, by: Actor) -> None:
    """Give a pool so many places; what runs keeps its own. Raises RefusedTrigger outside 1 to 1,000."""
    if not 1 <= slots <= MOST_SLOTS:
        raise RefusedTrigger([wrong("slots", _("A pool has 1 to {most} places.").format(most=MOST_SLOTS))])
    # A claim holds this row while it counts: it sees the old number or the new one, never between.
    pool = Pool.objects.select_for_update().get(pk=pool.pk)
    if pool.slots == slots:
        return
    before, pool.slots = pool.slots, slots
    pool.save(update_fields=["slots"])
    record("pool.changed", by=by, about=("pool", pool.key, pool.key), before=before, slots=slots)
    key = pool.key
    transaction.on_commit(lambda: wake(key))
