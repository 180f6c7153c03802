"""Give a run's file to whoever may see the run: always to be saved, never to be shown as a page of ours."""

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from jobs.access import access_artifact
from jobs.files import file_response
from portal.accounts.access import signed_in


@require_safe
def artifact(request: HttpRequest, number: int, pk: UUID) -> HttpResponseBase:
    """Send the file."""
    return file_response(access_artifact(signed_in(request), number, pk))
