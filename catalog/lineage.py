"""What something comes from and what it feeds, as far as the reader may know."""

from dataclasses import dataclass

from django.db.models import Q
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
    """One step of lineage around a node; a job in between is shown together with what it reads or writes."""

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

    Through a job the step goes on to the job's own inputs (up) or outputs (down), but only where the reader
    may know of that job.
    """
    here = (kind.value, key)
    upstream, downstream = _upstream([here]), _downstream([here])
    visible = nodes.resolve([*upstream, *downstream], user)
    jobs_up = [node for node in upstream if node[0] == NodeKind.JOB and node in visible]
    jobs_down = [node for node in downstream if node[0] == NodeKind.JOB and node in visible]
    further_up = _upstream(jobs_up) if jobs_up else []
    further_down = _downstream(jobs_down) if jobs_down else []
    visible |= nodes.resolve([node for node in [*further_up, *further_down] if node not in visible], user)
    return Step(
        _neighbours([*upstream, *further_up], visible, here),
        _neighbours([*downstream, *further_down], visible, here),
    )


def _neighbours(found: list[Reference], visible: dict[Reference, Node], here: Reference) -> list[Neighbour]:
    wanted = [node for node in dict.fromkeys(found) if node != here and node in visible]
    return [Neighbour(kind, key, visible[kind, key]) for kind, key in wanted]


def _upstream(of: list[Reference]) -> list[Reference]:
    edges = LineageEdge.objects.filter(_any(of, "downstream")).order_by("upstream_kind", "upstream_key")
    return list(dict.fromkeys(edges.values_list("upstream_kind", "upstream_key")[:MOST_EDGES]))


def _downstream(of: list[Reference]) -> list[Reference]:
    edges = LineageEdge.objects.filter(_any(of, "upstream")).order_by("downstream_kind", "downstream_key")
    return list(dict.fromkeys(edges.values_list("downstream_kind", "downstream_key")[:MOST_EDGES]))


def _any(references: list[Reference], end: str) -> Q:
    wanted = Q()
    for kind, key in references:
        wanted |= Q(**{f"{end}_kind": kind, f"{end}_key": key})
    return wanted
