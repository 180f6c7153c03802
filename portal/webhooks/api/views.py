"""The API of webhooks: list, make, read and remove endpoints; list deliveries and send again."""

from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.models import User
from portal.api.problems import Problem
from portal.audit.actions import actor_of
from portal.webhooks import actions
from portal.webhooks.access import access_delivery, access_endpoint, readable_bodies
from portal.webhooks.api.serializers import (
    DeliverySerializer,
    EndpointSerializer,
    EndpointWishSerializer,
    NewEndpointSerializer,
)
from portal.webhooks.exceptions import SwitchedOff
from portal.webhooks.models import Delivery, Endpoint, EndpointQuerySet

_NOT_THERE = OpenApiResponse(description="There is no such webhook, or none that you may see.")
_NOT_ALLOWED = OpenApiResponse(description="Your role or token does not allow this.")
_REFUSED = OpenApiResponse(description="It does not fit; errors says why, field by field.")


def _user(request: Request) -> User:
    return cast("User", request.user)


class EndpointsView(ListAPIView[Endpoint]):
    """The webhooks that the token's owner sees."""

    required_scopes = {"GET": "webhooks:read", "POST": "webhooks:write"}
    queryset = EndpointQuerySet(Endpoint).none()  # The description of the API asks for a model, not for rows.
    serializer_class = EndpointSerializer
    ordering = ("-id",)

    def get_queryset(self) -> EndpointQuerySet:
        """Return the visible ones."""
        return Endpoint.objects.visible_to(_user(self.request)).select_related("owner")

    @extend_schema(operation_id="webhooks_list", tags=["webhooks"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List webhooks, the newest first."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(EndpointSerializer(page, many=True).data)

    @extend_schema(
        operation_id="webhooks_add",
        tags=["webhooks"],
        request=EndpointWishSerializer,
        responses={201: NewEndpointSerializer, 403: _NOT_ALLOWED, 400: _REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Make a webhook of the token's owner; the answer holds its secret, this once."""
        user = _user(request)
        body = EndpointWishSerializer(data=request.data, context={"user": user})
        body.is_valid(raise_exception=True)
        endpoint, secret = actions.add(owner=user, wish=body.wish(), by=actor_of(request))
        endpoint.refresh_from_db()
        return Response({**EndpointSerializer(endpoint).data, "secret": secret or None}, status=201)


class EndpointView(APIView):
    """One webhook."""

    required_scopes = {"GET": "webhooks:read", "DELETE": "webhooks:write"}

    @extend_schema(
        operation_id="webhooks_read",
        tags=["webhooks"],
        responses={200: EndpointSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE},
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """Read a webhook: what it hears of, and how it stands."""
        return Response(EndpointSerializer(access_endpoint(_user(request), pk)).data)

    @extend_schema(
        operation_id="webhooks_remove",
        tags=["webhooks"],
        responses={204: None, 403: _NOT_ALLOWED, 404: _NOT_THERE},
    )
    def delete(self, request: Request, pk: UUID) -> Response:
        """Remove one of the token's owner's own, with its secret and deliveries."""
        endpoint = access_endpoint(_user(request), pk, own=True)
        actions.remove(endpoint=endpoint, by=actor_of(request))
        return Response(status=204)


class DeliveriesView(ListAPIView[Delivery]):
    """What was sent to a webhook."""

    required_scopes = {"GET": "webhooks:read"}
    queryset = Delivery._default_manager.none()
    serializer_class = DeliverySerializer
    ordering = ("-id",)

    @extend_schema(
        operation_id="webhooks_deliveries", tags=["webhooks"], responses={403: _NOT_ALLOWED, 404: _NOT_THERE}
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the deliveries of the last thirty days, the newest first."""
        user = _user(request)
        endpoint = access_endpoint(user, kwargs["pk"])
        page = self.paginate_queryset(endpoint.deliveries.all()) or []
        context = {"readable": readable_bodies(user, page)}
        return self.get_paginated_response(DeliverySerializer(page, many=True, context=context).data)


class RedeliverView(APIView):
    """The way to send one again."""

    required_scopes = {"POST": "webhooks:write"}

    @extend_schema(
        operation_id="webhooks_redeliver",
        tags=["webhooks"],
        request=None,
        responses={
            202: OpenApiResponse(
                DeliverySerializer, description="It is sent within seconds, or once its webhook is resumed."
            ),
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            409: OpenApiResponse(description="It is just being sent, or its webhook is switched off."),
        },
    )
    def post(self, request: Request, pk: UUID, delivery: int) -> Response:
        """Send the same words under the same id again."""
        user = _user(request)
        found = access_delivery(user, pk, delivery)
        try:
            taken = actions.redeliver(delivery=found, by=actor_of(request))
        except SwitchedOff as error:
            raise Problem(
                409, "The webhook is switched off", "Resume it first, then send it again."
            ) from error
        if not taken and found.is_held:
            raise Problem(409, "It waits already", "The webhook is paused: it is sent once that is resumed.")
        if not taken:
            raise Problem(409, "It is just being sent", "Look at its state in some seconds.")
        found.refresh_from_db()
        context = {"readable": readable_bodies(user, [found])}
        return Response(DeliverySerializer(found, context=context).data, status=202)
