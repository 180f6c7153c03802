"""The API of pools: how full they are, and how many runs each lets go at a time."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.access import access_pool
from jobs.actions import pools
from jobs.api.asking import user_of
from jobs.queue import read_load, read_pool, read_pools
from portal.accounts.access import require
from portal.accounts.permissions import Permission
from portal.api.serializers import StrictSerializer
from portal.audit.actions import actor_of

_EXAMPLE = {"key": "default", "slots": 4, "busy": 1, "queued": 0}


class PoolSerializer(serializers.Serializer[object]):
    """A pool as it is now."""

    key = serializers.CharField(source="pool.key", help_text="The name that job definitions give.")
    slots = serializers.IntegerField(source="pool.slots", help_text="So many runs go at a time.")
    busy = serializers.IntegerField(help_text="So many of its places are taken.")
    queued = serializers.IntegerField(help_text="So many runs wait for a place or their time.")


class PoolListSerializer(serializers.Serializer[object]):
    """All pools; there are never so many that they come in pages."""

    results = PoolSerializer(many=True)


class PoolSlotsSerializer(StrictSerializer):
    """What of a pool can be changed."""

    slots = serializers.IntegerField(min_value=1, max_value=pools.MOST_SLOTS)


class PoolsView(APIView):
    """The pools that jobs use."""

    required_scopes = {"GET": "jobs:read"}

    @extend_schema(
        operation_id="pools_list",
        tags=["pools"],
        responses={200: PoolListSerializer},
        examples=[OpenApiExample("One pool", value={"results": [_EXAMPLE]}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the pools by key, with how full they are."""
        require(user_of(request), Permission.RUN_JOBS)
        found = read_pools(read_load(timezone.now()))
        return Response(PoolListSerializer({"results": found}).data)


class PoolView(APIView):
    """One pool."""

    required_scopes = {"PATCH": "jobs:edit"}

    @extend_schema(
        operation_id="pools_change",
        tags=["pools"],
        request=PoolSlotsSerializer,
        responses={
            200: PoolSerializer,
            400: OpenApiResponse(description="A pool has 1 to 1,000 places."),
            403: OpenApiResponse(description="Your role or token does not allow this."),
            404: OpenApiResponse(description="There is no such pool."),
        },
        examples=[OpenApiExample("Two at a time", value={"slots": 2}, request_only=True)],
    )
    def patch(self, request: Request, key: str) -> Response:
        """Give a pool so many places; what runs keeps its own."""
        pool = access_pool(user_of(request), key, for_=Permission.EDIT_JOBS)
        body = PoolSlotsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        pools.set_slots(pool=pool, slots=body.validated_data["slots"], by=actor_of(request))
        return Response(PoolSerializer(read_pool(key, read_load(timezone.now()))).data)
