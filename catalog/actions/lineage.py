"""Say what is made from what."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import LineageEdge
from portal.events import Reference

Edge = tuple[Reference, Reference]


@transaction.atomic
def connect(*, edges: Iterable[Edge], source: str) -> None:
    """Keep the edges ((kind, key) → (kind, key)) that ``source`` has just seen."""
    LineageEdge.objects.bulk_create(
        [
            LineageEdge(
                upstream_kind=upstream[0],
                upstream_key=upstream[1],
                downstream_kind=downstream[0],
                downstream_key=downstream[1],
                source=source,
                seen_at=Now(),
            )
            # Sorted, so that two runs that touch the same edges lock them in the same order.
            for upstream, downstream in sorted(set(edges))
        ],
        update_conflicts=True,
        unique_fields=["upstream_kind", "upstream_key", "downstream_kind", "downstream_key", "source"],
        update_fields=["seen_at"],
    )


@transaction.atomic
def replace_inputs(*, node: Reference, upstream: Iterable[Reference], source: str) -> None:
    """Make ``upstream`` all that ``source`` says about where the node comes from."""
    kept = set(upstream)
    known = LineageEdge.objects.filter(downstream_kind=node[0], downstream_key=node[1], source=source)
    gone = [edge.pk for edge in known if (edge.upstream_kind, edge.upstream_key) not in kept]
    LineageEdge.objects.filter(pk__in=gone).delete()
    connect(edges=[(each, node) for each in kept], source=source)


@transaction.atomic
def forget(*, nodes: Iterable[Reference]) -> None:
    """Delete what everybody says about nodes that are no more: their keys may be given again."""
    keys: dict[str, list[str]] = {}
    for kind, key in nodes:
        keys.setdefault(kind, []).append(key)
    for kind, those in keys.items():
        upstream = Q(upstream_kind=kind, upstream_key__in=those)
        downstream = Q(downstream_kind=kind, downstream_key__in=those)
        LineageEdge.objects.filter(upstream | downstream).delete()
