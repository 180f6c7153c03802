"""The catalog's tables, one a file."""

from catalog.models.asset import Asset
from catalog.models.dataset import Column, Dataset
from catalog.models.lineage import LineageEdge
from catalog.models.metric import Metric, MetricChart, MetricPoint, MetricVersion

__all__ = [
    "Asset",
    "Column",
    "Dataset",
    "LineageEdge",
    "Metric",
    "MetricChart",
    "MetricPoint",
    "MetricVersion",
]
