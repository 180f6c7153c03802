"""Keep the search documents of assets in step with their words."""

from collections.abc import Iterable

from catalog.choices import AssetKind
from catalog.definitions import MetricDefinition, columns_of
from catalog.models import Asset
from portal.search import document

_BATCH = 200


def reindex(assets: Iterable[Asset]) -> int:
    """Build the search documents of these assets anew from what the database says now; return how many.

    Runs inside the caller's transaction, so that a search never finds the old words of a changed asset.
    Derived from other columns only, hence no audit event. Sample values never enter a document.
    """
    wanted = sorted({asset.pk for asset in assets})
    for start in range(0, len(wanted), _BATCH):
        found = (
            Asset.objects.filter(pk__in=wanted[start : start + _BATCH])
            .select_related("metric__version", "dataset", "team", "owner")
            .prefetch_related("dataset__columns")
        )
        for asset in found:
            Asset.objects.filter(pk=asset.pk).update(search=document(_weights(asset)))
    return len(wanted)


def _weights(asset: Asset) -> dict[str, list[str]]:
    team = [asset.team.key, asset.team.name_en, asset.team.name_ko] if asset.team else []
    return {
        "A": [text for text in (asset.name_en, asset.name_ko, asset.key, *asset.synonyms) if text],
        "B": [*asset.tags, *team],
        "C": _columns(asset),
        "D": [asset.description_en, asset.description_ko],
    }


def _columns(asset: Asset) -> list[str]:
    if asset.kind == AssetKind.METRIC:
        version = asset.metric.version if hasattr(asset, "metric") else None
        if version is None:
            return []
        definition: MetricDefinition = version.parsed
        return [definition.dataset, *columns_of(definition)]
    if not hasattr(asset, "dataset"):
        return []
    columns = list(asset.dataset.columns.all())
    # All the names before the meanings: a very wide table loses its last meanings, never a name.
    meanings = [text for column in columns for text in (column.description_en, column.description_ko)]
    return [asset.dataset.physical_name, *(column.name for column in columns), *filter(None, meanings)]
