"""The only way from a request to something of the catalog.

What is missing and what this person may not see are told apart nowhere: both are a 404. What they see but
may not change is a 403.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from catalog.choices import AssetKind
from catalog.definitions import MetricDefinition
from catalog.models import Asset, Dataset, Metric, MetricPoint
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.events import nodes
from portal.evidence.models import Evidence

_WITH = ("asset__owner", "asset__team", "asset__certified_by")


def access_dataset(user: User, key: str, *, for_: Permission = Permission.VIEW_CATALOG) -> Dataset:
    """Return the dataset with its asset, owner and team; raise Http404 if there is none for this person."""
    found = Dataset.objects.visible_to(user).select_related(*_WITH)
    dataset = found.filter(asset__kind=AssetKind.DATASET, asset__key=key).first()
    if dataset is None:
        raise Http404
    _permit(user, for_)
    return dataset


def access_metric(user: User, key: str, *, for_: Permission = Permission.VIEW_CATALOG) -> Metric:
    """Return the metric with its asset, owner, team and version; raise Http404 if there is none to see."""
    found = Metric.objects.visible_to(user).select_related(*_WITH, "version__created_by")
    metric = found.filter(asset__kind=AssetKind.METRIC, asset__key=key).first()
    if metric is None:
        raise Http404
    _permit(user, for_)
    return metric


def access_asset(
    user: User, kind: AssetKind, key: str, *, for_: Permission = Permission.VIEW_CATALOG
) -> Asset:
    """Return an asset of this kind; raise Http404 if there is none for this person."""
    asset = Asset.objects.visible_to(user).filter(kind=kind, key=key).select_related("owner", "team").first()
    if asset is None:
        raise Http404
    _permit(user, for_)
    return asset


def access_evidence(user: User, pk: UUID) -> Evidence:
    """Return evidence with its result for whoever may see all its tables and something that it stands behind.

    That is a metric that shows its value, whatever cites it, or a query of their own; Http404 for all others.
    """
    evidence = Evidence.objects.select_related("result").filter(pk=pk).first()
    if evidence is None or not sees_tables(user, evidence.tables):
        raise Http404
    points = MetricPoint.objects.filter(evidence=evidence).values_list("metric__asset__key", flat=True)
    behind = [citation.reference for citation in evidence.citations.all()]
    behind += [(AssetKind.METRIC.value, key) for key in points.distinct()]
    if not evidence.definition_hash and evidence.run_id is not None:
        behind.append(("run", str(evidence.run_id)))
    if not nodes.resolve(behind, user):
        raise Http404
    _permit(user, Permission.VIEW_CATALOG)
    return evidence


def sees_tables(user: User, tables: Iterable[str]) -> bool:
    """Say whether this person may see every one of these tables («schema.name»).

    A table that the catalog does not know is nobody's to show.
    """
    wanted = set(tables)
    return wanted <= seen_tables(user, wanted)


def seen_tables(user: User, tables: Iterable[str]) -> set[str]:
    """Return those of these tables («schema.name») that this person may see."""
    seen = Dataset.objects.visible_to(user).filter(physical_name__in=set(tables))
    return set(seen.values_list("physical_name", flat=True))


def backup_of(definition: MetricDefinition) -> str:
    """Return the name of whoever acts when a metric's owner is away; "" where nobody (who is here) does."""
    email = definition.actionable.backup
    if not email:
        return ""
    return User.objects.filter(email=email).values_list("name", flat=True).first() or ""


def readable(definition: MetricDefinition) -> dict[str, Any]:
    """Return a definition as readers see it: people by their names, since addresses are not for everybody."""
    shown = definition.model_dump(mode="json")
    named = [(shown["actionable"], "backup"), (shown["auditable"], "reviewer")]
    emails = {part[field] for part, field in named if part[field]}
    names = dict(User.objects.filter(email__in=emails).values_list("email", "name")) if emails else {}
    for part, field in named:
        part[field] = names.get(part[field])
    return shown


def _permit(user: User, permission: Permission) -> None:
    if not user.may(permission):
        raise PermissionDenied
