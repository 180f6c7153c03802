"""What the catalog tells the other apps: how a dataset, metric or source looks where somebody names it."""

from collections.abc import Iterable, Mapping

from catalog.choices import AssetKind, NodeKind
from catalog.lineage import node_of
from catalog.models import Asset
from portal.accounts.models import User
from portal.events import Node, nodes


def dataset_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these datasets that the person may know of."""
    return _asset_nodes(AssetKind.DATASET, keys, user)


def metric_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these metrics that the person may know of."""
    return _asset_nodes(AssetKind.METRIC, keys, user)


def source_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each source; a source is only ever named by what comes from it."""
    return {key: Node(label=key, icon="source") for key in keys}


def register() -> None:
    """Answer for the catalog's kinds in the registry of nodes."""
    nodes.register(NodeKind.DATASET, dataset_nodes)
    nodes.register(NodeKind.METRIC, metric_nodes)
    nodes.register(NodeKind.SOURCE, source_nodes)


def _asset_nodes(kind: AssetKind, keys: Iterable[str], user: User) -> dict[str, Node]:
    found = Asset.objects.visible_to(user).filter(kind=kind, key__in=list(keys)).defer("search")
    return {asset.key: node_of(asset) for asset in found}
