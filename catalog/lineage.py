"""What something comes from and what it feeds, as far as the reader may know."""

from collections.abc import Collection
from dataclasses import dataclass

from django.urls import reverse

from catalog.choices import AssetKind, Certification, NodeKind
from catalog.models import Asset, LineageEdge
from portal.accounts.models import User
from portal.events import Node, Reference, nodes

MOST_EDGES = 200


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A node beside the one that is looked at."""

    kind: str
    key: str
    node: Node

    @property
    def label(self) -> str:
        """Its name."""
        return self.node.label

    @property
    def url(self) -> str:
        """Its page; "" where it has none for this reader."""
        return self.node.url

    @property
    def icon(self) -> str:
        """Its symbol."""
        return self.node.icon

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return self.node.tone


@dataclass(frozen=True, slots=True)
class Step:
    """One step of lineage around a node."""

    upstream: list[Neighbour]
    downstream: list[Neighbour]

    def __bool__(self) -> bool:
        """Say whether anything is known."""
        return bool(self.upstream or self.downstream)

    def of_kind(self, kind: NodeKind) -> list[Neighbour]:
        """Return the neighbours of one kind on the way up."""
        return [neighbour for neighbour in self.upstream if neighbour.kind == kind]


def node_of(asset: Asset) -> Node:
    """Return an asset as a node of lineage; the caller has made sure that its reader may see it."""
    kind, certification = AssetKind(asset.kind), Certification(asset.certification)
    told = certification is not Certification.NONE
    return Node(
        label=asset.name,
        url=reverse(kind.value, args=[asset.key]),
        icon=kind.icon,
        tone=certification.tone if told else "",
        state=str(certification.label) if told else "",
    )


def step_around(kind: NodeKind, key: str, user: User) -> Step:
    """Return what the reader may know of around a node: the rest is missing, not even counted.

    A dataset stands one step from the job that filled it, and from what exactly it was made of; the job's
    other inputs belong to the job.
    """
    here = (kind.value, key)
    upstream, downstream = _upstream(here), _downstream(here)
    visible = nodes.resolve([*upstream, *downstream], user)
    return Step(_neighbours(upstream, visible, here), _neighbours(downstream, visible, here))


def datasets_behind(metrics: Collection[str]) -> set[str]:
    """Return the keys of the datasets that metrics are computed from, also by way of other metrics.

    For whoever may see all of them: nothing is left out. One query for each step up.
    """
    found: set[str] = set()
    front, seen = set(metrics), set(metrics)
    while front:
        edges = LineageEdge.objects.filter(downstream_kind=NodeKind.METRIC, downstream_key__in=front)
        upstream = set(edges.values_list("upstream_kind", "upstream_key"))
        found |= {key for kind, key in upstream if kind == NodeKind.DATASET}
        front = {key for kind, key in upstream if kind == NodeKind.METRIC} - seen
        seen |= front
    return found


def _neighbours(found: list[Reference], visible: dict[Reference, Node], here: Reference) -> list[Neighbour]:
    wanted = [node for node in dict.fromkeys(found) if node != here and node in visible]
    return [Neighbour(kind, key, visible[kind, key]) for kind, key in wanted]


def _upstream(of: Reference) -> list[Reference]:
    edges = LineageEdge.objects.filter(downstream_kind=of[0], downstream_key=of[1])
    ordered = edges.order_by("upstream_kind", "upstream_key").values_list("upstream_kind", "upstream_key")
    return list(dict.fromkeys(ordered[:MOST_EDGES]))


def _downstream(of: Reference) -> list[Reference]:
    edges = LineageEdge.objects.filter(upstream_kind=of[0], upstream_key=of[1])
    ordered = edges.order_by("downstream_kind", "downstream_key")
    return list(dict.fromkeys(ordered.values_list("downstream_kind", "downstream_key")[:MOST_EDGES]))
