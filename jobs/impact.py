"""What a job feeds, and so what is hurt when it fails: the datasets that it publishes or checks and so on."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, Q, QuerySet, Value

from catalog.choices import NodeKind
from catalog.models import LineageEdge
from jobs.choices import CHECK_KIND
from jobs.models import Job, WatchedDataset
from jobs.refreshed import refreshed_by
from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.events import Node, Reference, nodes

# Deeper than any lineage of people's making; a circle by mistake ends here as well.
DEEPEST: Final = 6
# Beyond so many things nobody looks further on.
MOST: Final = 1_000
SHOWN: Final = 200
_JOB, _DATASET, _METRIC = NodeKind.JOB.value, NodeKind.DATASET.value, NodeKind.METRIC.value
# Kind, key, whether it is a job that starts only after the other has done its work, and what it is made of.
_Next = tuple[str, str, bool, str, str]
_NEXT: Prepared[_Next] = Prepared(lambda **keys: _after(keys))


@dataclass(frozen=True, slots=True)
class Fed:
    """A thing that hangs on a job, directly or further on.

    One that ``waits`` is a job that it starts. One that is ``doubtful`` is there and not old, but the job has
    not found it right: what it checks, and what is made of that.
    """

    kind: str
    key: str
    node: Node
    direct: bool
    waits: bool
    doubtful: bool


def fed_by(job: Job, user: User) -> list[Fed]:
    """Return what hangs on the job, nearest first and only what is visible.

    However many things that are, it takes at most three queries for each step away and, in the end, what
    the registry of nodes needs for each kind; twice as many for a job that checks a dataset.
    """
    start = (_JOB, job.key)
    found = _reached(start)
    checked = (_DATASET, str(job.config.get("dataset"))) if job.kind == CHECK_KIND else None
    # The checked dataset is as new as it was before: who starts with a new version has done so already.
    doubtful = {checked: (0, False)} | _reached(checked) if checked else {}
    places = {node: (depth + 1, False, True) for node, (depth, _) in doubtful.items() if node != start}
    places |= {node: (depth, waits, False) for node, (depth, waits) in found.items()}
    nearest = sorted(places.items(), key=lambda each: each[1][0])
    resolved = nodes.resolve(places, user)
    return [
        Fed(kind, key, resolved[kind, key], depth == 1, waits, doubt)
        for (kind, key), (depth, waits, doubt) in nearest
        if (kind, key) in resolved
    ][:SHOWN]


def _reached(start: Reference) -> dict[Reference, tuple[int, bool]]:
    """Return what hangs on this thing: how many steps away it is, nearest first, and whether it waits.

    A job that only reads, and whose work is among what was found, is left out: that tells of it.
    """
    found: dict[Reference, tuple[int, bool]] = {}
    passed: set[Reference] = set()
    front = [start]
    for depth in range(1, DEEPEST + 1):
        after, before = _next(front)
        passed |= before
        reached = {
            node: (depth, waits) for node, waits in after.items() if node != start and node not in found
        }
        found |= reached
        front = list(reached)
        if not front or len(found) >= MOST:
            break
    return {
        (kind, key): (depth, waits)
        for (kind, key), (depth, waits) in found.items()
        if waits or kind != _JOB or (kind, key) not in passed
    }


def _next(front: Collection[Reference]) -> tuple[dict[Reference, bool], set[Reference]]:
    """Return what comes right after these things and whether it waits, and what of them is used."""
    keys: dict[str, list[str]] = {}
    for kind, key in front:
        keys.setdefault(kind, []).append(key)
    after: dict[Reference, bool] = {}
    before: set[Reference] = set()
    for kind, key, waits, of_kind, of_key in sorted(_NEXT(**keys)):
        after[kind, key] = waits or after.get((kind, key), False)
        before.add((of_kind, of_key))
    for key in sorted(refreshed_by(keys.get(_JOB, ()))):
        after.setdefault((_METRIC, key), False)
    return after, before


def _after(keys: dict[str, Collection[str]]) -> QuerySet[LineageEdge, _Next]:
    """Choose what is made of these things, whose keys stand under their kinds, and which jobs they start."""
    wanted = Q()
    for kind, those in keys.items():
        wanted |= Q(upstream_kind=kind, upstream_key__in=those)
    made = LineageEdge.objects.filter(wanted).values_list(
        F("downstream_kind"), F("downstream_key"), Value(value=False), F("upstream_kind"), F("upstream_key")
    )
    starts: list[QuerySet[Any, Any]] = []
    begun = (Value(value=True), Value(""), Value(""))
    if _JOB in keys:
        followers = Job.objects.filter(after__key__in=keys[_JOB])
        starts.append(followers.values_list(Value(_JOB), F("key"), *begun))
    if _DATASET in keys:
        watching = WatchedDataset.objects.filter(
            dataset__asset__key__in=keys[_DATASET], trigger__enabled=True, trigger__job__enabled=True
        )
        starts.append(watching.values_list(Value(_JOB), F("trigger__job__key"), *begun))
    return made.union(*starts) if starts else made.distinct()
