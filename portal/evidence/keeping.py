"""What evidence needs kept, and which evidence nobody needs any more."""

import datetime as dt
from typing import Final

from django.db.models import CASCADE, ForeignObjectRel, QuerySet

from portal.evidence.models import Evidence

# The result of a query that nobody has cited can be looked at for so long.
UNCITED_FOR: Final = dt.timedelta(days=7)


def cited_snapshots() -> set[int]:
    """Return every snapshot that evidence reads: what is cited, behind a figure, or still looked at."""
    found = Evidence.objects.exclude(snapshot=None).values_list("snapshot", flat=True)
    return {number for number in found.distinct() if number is not None}


def uncited(now: dt.datetime) -> QuerySet[Evidence]:
    """Return evidence of some age that nothing needs: nobody cites it, and no figure rests on it.

    Metrics take their points along to newer evidence at each refresh; every app that points at evidence does
    so by a foreign key, so that this asks them all.
    """
    found = Evidence.objects.filter(computed_at__lt=now - UNCITED_FOR)
    # Hidden ones too: a metric's points name no way back.
    for relation in Evidence._meta.get_fields(include_hidden=True):
        # A result and verdicts go with their evidence; whatever else points at it needs it.
        if isinstance(relation, ForeignObjectRel) and relation.on_delete is not CASCADE:
            pointing = relation.related_model._default_manager
            found = found.exclude(pk__in=pointing.values(relation.field.attname))
    return found
