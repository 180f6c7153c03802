"""The API of alerts: what is wrong with jobs now, and what was."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.alert_serializers import AlertSerializer
from jobs.api.asking import user_of
from jobs.filters import AlertFilter
from jobs.models import Alert
from jobs.models.alert import AlertQuerySet


class AlertsView(ListAPIView[Alert]):
    """The alerts of the jobs that the token's owner may see."""

    required_scopes = {"GET": "jobs:read"}
    queryset = AlertQuerySet(Alert).none()  # The description of the API asks for a model, not for rows.
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    ordering = ("-id",)

    def get_queryset(self) -> AlertQuerySet:
        """Return the visible alerts with what the answer shows of each."""
        return Alert.objects.visible_to(user_of(self.request)).select_related("job", "run")

    @extend_schema(operation_id="alerts_list", tags=["alerts"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List alerts, the newest first; those that are still open unless state says otherwise."""
        return super().get(request, *args, **kwargs)
