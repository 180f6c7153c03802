"""Routes of the catalog's pages."""

from django.urls import path

from catalog import keys  # noqa: F401 - registers asset_key
from catalog.choices import AssetKind
from catalog.views.catalog import catalog
from catalog.views.dataset import dataset, dataset_columns, dataset_lineage, dataset_preview
from catalog.views.describe import describe
from catalog.views.metric import metric, metric_definition

urlpatterns = [
    path("", catalog, name="catalog"),
    path("datasets/<asset_key:key>/", dataset, name="dataset"),
    path("datasets/<asset_key:key>/columns/", dataset_columns, name="dataset_columns"),
    path("datasets/<asset_key:key>/preview/", dataset_preview, name="dataset_preview"),
    path("datasets/<asset_key:key>/lineage/", dataset_lineage, name="dataset_lineage"),
    path("datasets/<asset_key:key>/edit/", describe, {"kind": AssetKind.DATASET}, name="dataset_edit"),
    path("metrics/<asset_key:key>/", metric, name="metric"),
    path("metrics/<asset_key:key>/definition/", metric_definition, name="metric_definition"),
    path("metrics/<asset_key:key>/edit/", describe, {"kind": AssetKind.METRIC}, name="metric_edit"),
]
