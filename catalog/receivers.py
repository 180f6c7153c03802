"""What the catalog tells the other apps: how a dataset, metric or source looks where somebody names it."""

from collections.abc import Iterable, Mapping

from catalog.choices import AssetKind, NodeKind
from catalog.lineage import node_of
from catalog.models import Asset
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.discussion import subjects
from portal.discussion.subjects import Subject
from portal.events import Node, nodes
from portal.evidence.citers import citers

_NAMED: Prepared[Asset] = Prepared(
    lambda kind, *, user, keys: Asset.objects.visible_to(user).filter(kind=kind, key__in=keys).defer("search")
)


def dataset_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these datasets that the person may know of."""
    return _asset_nodes(AssetKind.DATASET, keys, user)


def metric_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these metrics that the person may know of."""
    return _asset_nodes(AssetKind.METRIC, keys, user)


def source_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each source; a source is only ever named by what comes from it."""
    return {key: Node(label=key, icon="source") for key in keys}


def dataset_subject(key: str, user: User) -> Subject | None:
    """Return what this person may do in the discussion of a dataset; None where there is none for them."""
    return _subject(AssetKind.DATASET, key, user)


def metric_subject(key: str, user: User) -> Subject | None:
    """Return what this person may do in the discussion of a metric; None where there is none for them."""
    return _subject(AssetKind.METRIC, key, user)


def metric_keepers(key: str) -> list[User]:
    """Return who answers for a metric's number: its owner."""
    asset = (
        Asset.objects.filter(kind=AssetKind.METRIC, key=key).select_related("owner").defer("search").first()
    )
    return [asset.owner] if asset is not None and asset.owner is not None else []


def register() -> None:
    """Answer for the catalog's kinds: how they look, how they are discussed, who answers for them."""
    nodes.register(NodeKind.DATASET, dataset_nodes)
    nodes.register(NodeKind.METRIC, metric_nodes)
    nodes.register(NodeKind.SOURCE, source_nodes)
    subjects.register(NodeKind.DATASET, dataset_subject)
    subjects.register(NodeKind.METRIC, metric_subject)
    citers.register(NodeKind.METRIC, metric_keepers)


def _asset_nodes(kind: AssetKind, keys: Iterable[str], user: User) -> dict[str, Node]:
    return {asset.key: node_of(asset) for asset in _NAMED(kind, user=user, keys=set(keys))}


def _subject(kind: AssetKind, key: str, user: User) -> Subject | None:
    asset = Asset.objects.visible_to(user).filter(kind=kind, key=key).defer("search").first()
    if asset is None:
        return None
    return Subject(
        reference=(kind.value, asset.key),
        label=asset.name,
        url=node_of(asset).url,
        may_comment=True,
        may_see_internal=user.may(Permission.ANSWER_QUESTIONS),
        people=frozenset() if asset.owner_id is None else frozenset({asset.owner_id}),
        first=asset.owner_id,
    )
