"""Send a run's file, the same from pages and API."""

from django.http import FileResponse, Http404

from jobs.artifacts import ARTIFACTS
from jobs.models import Artifact
from portal.storage import disposition
from portal.ui.middleware import SANDBOX


def file_response(artifact: Artifact) -> FileResponse:
    """Return the file in pieces, to be saved whatever is in it; 404 where it is gone from the disk."""
    try:
        body = ARTIFACTS.open(artifact.stored)
    except OSError as error:
        raise Http404 from error
    response = FileResponse(body, content_type="application/octet-stream")
    response["Content-Length"] = str(artifact.size)
    response["Content-Disposition"] = disposition(artifact.name)
    response["Content-Security-Policy"] = SANDBOX
    return response
