"""What a job feeds: the datasets it publishes, and what stands still when it fails."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from catalog.choices import NodeKind
from catalog.models import LineageEdge
from jobs.models import Job
from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.events import Node, nodes

# Deeper than any lineage of people's making; a circle by mistake ends here as well.
DEEPEST = 6
SHOWN = 50
_FOLLOWERS: Prepared[str] = Prepared(
    lambda *, job: Job.objects.filter(after=job).values_list("key", flat=True)
)
_MADE_OF: Prepared[tuple[str, str]] = Prepared(lambda **keys: _edges(keys))


@dataclass(frozen=True, slots=True)
class Fed:
    """A thing that is made, directly or further on, from what a job publishes."""

    kind: str
    key: str
    node: Node
    direct: bool


def fed_by(job: Job, user: User) -> list[Fed]:
    """Return what hangs on the job, nearest first and only what is visible."""
    start = (NodeKind.JOB.value, job.key)
    found: dict[tuple[str, str], int] = {(NodeKind.JOB.value, key): 1 for key in _FOLLOWERS(job=job.pk)}
    followers, front = list(found), [start]
    for depth in range(1, DEEPEST + 1):
        # What a follower publishes is a step further on than what the job itself does.
        front = [node for node in _next(front) if node != start and node not in found]
        front += followers if depth == 1 else []
        if not front or len(found) >= SHOWN:
            break
        found.update(dict.fromkeys(front, depth) | dict.fromkeys(followers, 1))
    resolved = nodes.resolve(found, user)
    return [
        Fed(kind, key, resolved[kind, key], depth == 1)
        for (kind, key), depth in found.items()
        if (kind, key) in resolved
    ][:SHOWN]


def _next(front: list[tuple[str, str]]) -> list[tuple[str, str]]:
    keys: dict[str, list[str]] = {}
    for kind, key in sorted(front):
        keys.setdefault(kind, []).append(key)
    return list(dict.fromkeys(_MADE_OF(**keys)))


def _edges(keys: Mapping[str, Iterable[str]]) -> QuerySet[LineageEdge, tuple[str, str]]:
    """Choose what is made of these things, whose keys stand under their kinds."""
    wanted = Q()
    for kind, those in keys.items():
        wanted |= Q(upstream_kind=kind, upstream_key__in=those)
    edges = LineageEdge.objects.filter(wanted).order_by("downstream_kind", "downstream_key")
    return edges.values_list("downstream_kind", "downstream_key")
