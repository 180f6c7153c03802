"""Read the runs' events behind a cursor, each once settled, for whoever tells of them.

An event's id is taken before its transaction commits, so a lower id may appear after a higher one was read.
The cursor therefore stops before whatever an open transaction may still write, and what lies behind it is
read again: whoever takes events must take one twice without telling twice.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Coalesce

from jobs.actions.verifications import VERIFY_EVIDENCE
from jobs.choices import OWN_JOBS
from jobs.models import RunEvent, TellingMark

BATCH: Final = 500
# Somebody started these for one number and waits before it; the page itself tells.
SILENT_JOBS: Final = frozenset({*OWN_JOBS, VERIFY_EVIDENCE.key})
# Whose cursor it is: the keys of TellingMark's rows.
PEOPLE, WEBHOOKS, LINEAGE = 1, 2, 3

# When the oldest transaction began that may still write an event, or now. An INSERT locks the table before it
# takes an id.
_SETTLED = """
    SELECT COALESCE(min(session.xact_start), clock_timestamp()) - interval '1 second'
    FROM pg_locks lock JOIN pg_stat_activity session ON session.pid = lock.pid
    WHERE lock.locktype = 'relation' AND lock.relation = 'jobs_runevent'::regclass
        AND lock.mode = 'RowExclusiveLock' AND lock.pid <> pg_backend_pid()
        AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def event_word(event: RunEvent) -> str:
    """Return what happened: the event's kind, or the state that a silent worker's run came to."""
    # «lost» ends the run; «queued» gives it another worker.
    return str(event.data.get("state", "")) if event.kind == "worker_lost" else event.kind


def read_on(mark: int, take: Callable[[list[RunEvent]], int], *, since: dt.datetime | None = None) -> int:
    """Let ``take`` have the events since the last round, in the transaction that moves the cursor on.

    A cursor that is new begins at ``since``. Returns what ``take`` does; any number of clocks may read on.
    """
    standing = TellingMark.objects.filter(pk=mark).values_list("event", flat=True).first()
    if standing is None:
        standing = _before(since) if since is not None else 0
        TellingMark.objects.get_or_create(pk=mark, defaults={"event": standing})
    if not RunEvent.objects.filter(pk__gt=standing).exists():
        return 0
    with transaction.atomic():
        own = TellingMark.objects.select_for_update(skip_locked=True).filter(pk=mark).first()
        if own is None:
            # Another clock does it, or has just taken the cursor away.
            return 0
        # Before the events are read: what is not settled now may be missing among them.
        settled = _settled()
        events = list(RunEvent.objects.filter(pk__gt=own.event).order_by("pk")[:BATCH])
        taken = take(events)
        for event in events:
            if event.at >= settled:
                break
            own.event = event.pk
        own.save(update_fields=["event"])
    return taken


def beyond(mark: int) -> QuerySet[RunEvent]:
    """Return what this cursor has not passed for good: whatever it has to tell is among it."""
    passed = TellingMark.objects.filter(pk=mark).values("event")
    return RunEvent.objects.filter(pk__gt=Coalesce(Subquery(passed), 0))


def forget(mark: int) -> None:
    """Take a cursor away: nobody reads by it any more, and whoever does later begins anew."""
    TellingMark.objects.filter(pk=mark).delete()


def _before(moment: dt.datetime) -> int:
    older = RunEvent.objects.filter(at__lt=moment).order_by("-pk")
    return older.values_list("pk", flat=True).first() or 0


def _settled() -> dt.datetime:
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED)
        found: dt.datetime = cursor.fetchone()[0]
    return found
