"""The API of datasets and metrics: read only."""

import datetime as dt
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import django_filters
from django.db.models import Model, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.access import access_dataset, access_evidence, access_metric
from catalog.api.serializers import (
    DatasetDetailSerializer,
    DatasetSerializer,
    EvidenceSerializer,
    MetricDetailSerializer,
    MetricSerializer,
    PointSerializer,
)
from catalog.choices import Certification, Grain, NodeKind
from catalog.filters import matching
from catalog.lineage import step_around
from catalog.models import Dataset, Metric, MetricPoint
from catalog.series import glances, points_of
from catalog.verification import checked
from portal.accounts.models import User
from portal.api.conditional import respond
from portal.api.problems import Problem
from portal.evidence.verdicts import newest_verifications

Row = TypeVar("Row", bound=Model)
_NOT_THERE = OpenApiResponse(description="There is no such object, or none that you may see.")
_GRAIN = OpenApiParameter(
    "grain", OpenApiTypes.STR, enum=Grain.values, description="Length of a period: day."
)
_FROM = OpenApiParameter("from", OpenApiTypes.DATE, description="Periods that begin on this day or later.")
_TO = OpenApiParameter("to", OpenApiTypes.DATE, description="Periods that begin on this day or earlier.")

_ORDERS: Final = {"oldest": ("starts_on", "pk"), "newest": ("-starts_on", "-pk")}
_ORDER = OpenApiParameter("order", enum=list(_ORDERS), description="Which periods come first.")


class CatalogFilter(django_filters.FilterSet):
    """Choose datasets or metrics by words, tag, owner, team and certification."""

    q = django_filters.CharFilter(method="by_words", max_length=300, help_text="Words; each must be found.")
    tag = django_filters.CharFilter(method="by_tag", max_length=50, help_text="A tag, as it is written.")
    owner = django_filters.NumberFilter(
        field_name="asset__owner_id",
        min_value=1,
        max_value=2**31,
        help_text="The owner's number, as in the address of the catalog's page.",
    )
    team = django_filters.CharFilter(field_name="asset__team__key", max_length=50, help_text="A team's key.")
    certification = django_filters.ChoiceFilter(
        field_name="asset__certification", choices=Certification.choices
    )

    def by_words(self, rows: QuerySet[Any], _name: str, words: str) -> QuerySet[Any]:
        """Keep what holds each word; Korean and English, as in the portal."""
        return matching(rows, words, field="asset__search")

    def by_tag(self, rows: QuerySet[Any], _name: str, tag: str) -> QuerySet[Any]:
        """Keep what carries the tag."""
        return rows.filter(asset__tags__contains=[tag])


class DatasetsView(ListAPIView[Dataset]):
    """The datasets that the token's owner may see."""

    required_scopes = {"GET": "catalog:read"}
    serializer_class = DatasetSerializer
    filterset_class = CatalogFilter
    ordering = ("pk",)

    def get_queryset(self) -> QuerySet[Dataset]:
        """Return the visible datasets, without their samples and search documents."""
        if getattr(self, "swagger_fake_view", False):
            return Dataset._default_manager.none()
        return _listed(Dataset.objects.visible_to(_user(self.request))).defer("sample", "asset__search")

    @extend_schema(operation_id="datasets_list", tags=["catalog"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List datasets in the order in which they were registered."""
        return super().get(request, *args, **kwargs)


class DatasetView(APIView):
    """One dataset."""

    required_scopes = {"GET": "catalog:read"}

    @extend_schema(
        operation_id="datasets_read",
        tags=["catalog"],
        responses={200: DatasetDetailSerializer, 304: None, 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str) -> Response:
        """Read a dataset with its columns, checks and lineage; an ETag spares what did not change."""
        dataset = access_dataset(_user(request), key)
        step = step_around(NodeKind.DATASET, key, _user(request))
        return respond(request, DatasetDetailSerializer(dataset, context={"step": step}).data)


class MetricsView(ListAPIView[Metric]):
    """The metrics that the token's owner may see."""

    required_scopes = {"GET": "catalog:read"}
    serializer_class = MetricSerializer
    filterset_class = CatalogFilter
    ordering = ("pk",)

    def get_queryset(self) -> QuerySet[Metric]:
        """Return the visible metrics with their definitions."""
        if getattr(self, "swagger_fake_view", False):
            return Metric._default_manager.none()
        visible = Metric.objects.visible_to(_user(self.request))
        return _listed(visible).select_related("version").defer("asset__search")

    @extend_schema(operation_id="metrics_list", tags=["catalog"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List metrics, each with its newest complete figure."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        serializer = MetricSerializer(page, many=True, context={"glances": glances(page)})
        return self.get_paginated_response(serializer.data)


class MetricView(APIView):
    """One metric."""

    required_scopes = {"GET": "catalog:read"}

    @extend_schema(
        operation_id="metrics_read",
        tags=["catalog"],
        responses={200: MetricDetailSerializer, 304: None, 404: _NOT_THERE},
    )
    def get(self, request: Request, key: str) -> Response:
        """Read a metric with its definition, newest complete figure, its verification and its lineage."""
        metric = access_metric(_user(request), key)
        shown = glances([metric])
        context = {
            "glances": shown,
            "checked": checked(metric, shown[metric.pk].figure) if metric.pk in shown else None,
            "step": step_around(NodeKind.METRIC, key, _user(request)),
        }
        return respond(request, MetricDetailSerializer(metric, context=context).data)


class EvidenceView(APIView):
    """How a number came about."""

    required_scopes = {"GET": "catalog:read"}

    @extend_schema(
        operation_id="evidence_read",
        tags=["catalog"],
        responses={200: EvidenceSerializer, 304: None, 404: _NOT_THERE},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """Read evidence: its SQL, parameters, data version, rows and the newest verdict.

        For whoever may see all its tables and something that it stands behind.
        """
        evidence = access_evidence(_user(request), pk)
        context = {"newest": newest_verifications([evidence.pk]).get(evidence.pk)}
        return respond(request, EvidenceSerializer(evidence, context=context).data)


class PointsView(ListAPIView[MetricPoint]):
    """The series of one metric."""

    required_scopes = {"GET": "catalog:read"}
    serializer_class = PointSerializer
    filter_backends = []
    asked_besides = frozenset({"grain", "from", "to", "order"})

    @property
    def ordering(self) -> tuple[str, str]:
        """The order asked for: the oldest first, or the newest."""
        asked = self.request.query_params.get("order", "oldest")
        if asked not in _ORDERS:
            raise _wrong("order", f"It is one of {', '.join(_ORDERS)}.")
        return _ORDERS[asked]

    def get_queryset(self) -> QuerySet[MetricPoint]:
        """Return the points of the grain and days asked for."""
        if getattr(self, "swagger_fake_view", False):
            return points_of(None, Grain.DAY)
        metric = access_metric(_user(self.request), str(self.kwargs["key"]))
        points = points_of(metric, _grain(self.request))
        first, last = _day(self.request, "from"), _day(self.request, "to")
        if first:
            points = points.filter(starts_on__gte=first)
        return points.filter(starts_on__lte=last) if last else points

    @extend_schema(
        operation_id="metrics_points",
        tags=["catalog"],
        parameters=[_GRAIN, _FROM, _TO, _ORDER],
        responses={200: PointSerializer(many=True), 404: _NOT_THERE},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the values of a metric; without a grain the days, without an order the oldest first."""
        return super().get(request, *args, **kwargs)


def _user(request: Request) -> User:
    return cast("User", request.user)


def _listed(rows: QuerySet[Row]) -> QuerySet[Row]:
    return rows.select_related("asset__owner", "asset__team")


def _grain(request: Request) -> Grain:
    asked = request.query_params.get("grain", Grain.DAY.value)
    if asked not in Grain.values:
        raise _wrong("grain", f"It is one of {', '.join(Grain.values)}.")
    return Grain(asked)


def _day(request: Request, name: str) -> dt.date | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    try:
        return dt.date.fromisoformat(given)
    except ValueError:
        raise _wrong(name, "It is a day such as 2013-02-28.") from None


def _wrong(field: str, message: str) -> Problem:
    return Problem(400, kind="problem-validation", errors=[{"field": field, "message": message}])
