"""Routes of the API of datasets and metrics."""

from django.urls import path

from catalog import keys  # noqa: F401 - registers asset_key
from catalog.api import views

urlpatterns = [
    path("datasets", views.DatasetsView.as_view(), name="api_datasets"),
    path("datasets/<asset_key:key>", views.DatasetView.as_view(), name="api_dataset"),
    path("evidence/<uuid:pk>", views.EvidenceView.as_view(), name="api_evidence"),
    path("metrics", views.MetricsView.as_view(), name="api_metrics"),
    path("metrics/<asset_key:key>", views.MetricView.as_view(), name="api_metric"),
    path("metrics/<asset_key:key>/points", views.PointsView.as_view(), name="api_metric_points"),
]
