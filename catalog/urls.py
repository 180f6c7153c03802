"""Routes of the catalog's pages."""

from django.urls import path, register_converter

from catalog.choices import AssetKind
from catalog.keys import KeyConverter
from catalog.views.catalog import catalog
from catalog.views.dataset import dataset, dataset_columns, dataset_lineage, dataset_preview
from catalog.views.describe import describe
from catalog.views.metric import metric, metric_definition

register_converter(KeyConverter, "key")

urlpatterns = [
    path("", catalog, name="catalog"),
    path("datasets/<key:key>/", dataset, name="dataset"),
    path("datasets/<key:key>/columns/", dataset_columns, name="dataset_columns"),
    path("datasets/<key:key>/preview/", dataset_preview, name="dataset_preview"),
    path("datasets/<key:key>/lineage/", dataset_lineage, name="dataset_lineage"),
    path("datasets/<key:key>/edit/", describe, {"kind": AssetKind.DATASET}, name="dataset_edit"),
    path("metrics/<key:key>/", metric, name="metric"),
    path("metrics/<key:key>/definition/", metric_definition, name="metric_definition"),
    path("metrics/<key:key>/edit/", describe, {"kind": AssetKind.METRIC}, name="metric_edit"),
]
