"""The OpenAPI description, for machines."""

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import TokenAuthentication
from portal.api.conditional import respond
from portal.api.schema import document


class SchemaView(APIView):
    """The description itself: it names every address, so it is for people and tokens of this house only.

    The session is welcome here, unlike under /api/v1: the page links to this, and a GET changes nothing.
    """

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Answer the OpenAPI 3 document as JSON."""
        return respond(request, document())
