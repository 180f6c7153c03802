"""The API of source files: list a folder, bring a file as the body of a PUT, delete one."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import source_files
from jobs.actions import source_files as actions
from jobs.api.asking import user_of
from jobs.api.file_serializers import SourceFileSerializer, SourceFilesSerializer
from jobs.exceptions import FileRefused, NameTaken
from portal.accounts.access import require
from portal.accounts.permissions import Permission
from portal.api.problems import Problem
from portal.audit.actions import actor_of

_PIECE = 256 * 1024
_PATH = OpenApiParameter(
    "path",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    description="The path below the folder of source files, such as shop/orders.csv.",
)
_NOT_THERE = OpenApiResponse(description="There is no such folder or file.")
_NOT_ALLOWED = OpenApiResponse(description="The token's scopes, or its owner's roles, do not allow it.")


class FilesView(APIView):
    """What lies in a folder of source files."""

    required_scopes = {"GET": "jobs:write"}

    @extend_schema(
        operation_id="files_list",
        tags=["files"],
        parameters=[
            OpenApiParameter("folder", OpenApiTypes.STR, description="The folder; empty for the topmost."),
            OpenApiParameter(
                "q", OpenApiTypes.STR, description="Only names that hold this, also further below."
            ),
            OpenApiParameter(
                "after", OpenApiTypes.STR, description="Where the page begins, as the last one said."
            ),
        ],
        responses={200: SourceFilesSerializer, 403: _NOT_ALLOWED, 404: _NOT_THERE},
    )
    def get(self, request: Request) -> Response:
        """List folders and files, a hundred at a time, with the jobs that read them."""
        user = user_of(request)
        require(user, Permission.EDIT_JOBS)
        asked = request.query_params
        listing = source_files.listing(
            asked.get("folder", ""), sought=asked.get("q", "").strip()[:100], after=asked.get("after", "")
        )
        source_files.with_jobs(listing.entries, user)
        shown = {"results": listing.entries, "after": listing.after or None, "cut": listing.cut}
        return Response(SourceFilesSerializer(shown).data)


class FileView(APIView):
    """One source file."""

    required_scopes = {"PUT": "jobs:write", "DELETE": "jobs:write"}

    @extend_schema(
        operation_id="files_put",
        tags=["files"],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            _PATH,
            OpenApiParameter(
                "replace", OpenApiTypes.BOOL, description="true takes the place of a file there."
            ),
        ],
        responses={
            201: SourceFileSerializer,
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            409: OpenApiResponse(description="There is already something of this name."),
            413: OpenApiResponse(description="The file is larger than SOURCE_FILE_MB."),
            415: OpenApiResponse(description="The body is a form, not the file itself."),
            422: OpenApiResponse(
                description="The name does not fit, the file is empty, or the disk refuses."
            ),
        },
    )
    def put(self, request: Request, path: str) -> Response:
        """Bring a file: its bytes are the body, its folder must be there."""
        user = user_of(request)
        require(user, Permission.EDIT_JOBS)
        if (request.content_type or "").startswith(("multipart/", "application/x-www-form-urlencoded")):
            raise Problem(415, detail="Send the file itself as the body, not a form.")
        folder, _, name = path.rpartition("/")
        if path.startswith("/"):
            raise Http404
        replace = request.query_params.get("replace", "false") == "true"
        kept = self._bring(request, folder, name, replace=replace)
        entry = source_files.find_file(kept)
        source_files.with_jobs([entry], user)
        return Response(SourceFileSerializer(entry).data, status=201)

    @extend_schema(
        operation_id="files_delete",
        tags=["files"],
        parameters=[_PATH],
        responses={
            204: None,
            403: _NOT_ALLOWED,
            404: _NOT_THERE,
            422: OpenApiResponse(description="The disk refuses."),
        },
    )
    def delete(self, request: Request, path: str) -> Response:
        """Delete a file for good, whatever jobs read it."""
        require(user_of(request), Permission.EDIT_JOBS)
        try:
            actions.delete(path=path, by=actor_of(request))
        except FileRefused as error:
            raise _refused(error) from error
        return Response(status=204)

    def _bring(self, request: Request, folder: str, name: str, *, replace: bool) -> str:
        """Write the body to the disk piece by piece; the parsers, which would hold it whole, never see it."""
        # Django's request, whose stream nobody has read so far.
        body: Any = request._request
        try:
            actions.safe_name(name)
            if folder:
                with source_files.open_folder(folder):
                    pass
            incoming = actions.Incoming(folder)
            try:
                while piece := body.read(_PIECE):
                    incoming.write(piece)
                return actions.keep(incoming=incoming, name=name, replace=replace, by=actor_of(request))
            finally:
                incoming.close()
        except NameTaken as error:
            detail = "Send it with replace=true to put yours in its place."
            raise Problem(409, "The name is taken", detail, kind="problem-taken") from error
        except FileRefused as error:
            raise _refused(error) from error


def _refused(error: FileRefused) -> Problem:
    return Problem(422, "The file is not taken", str(error), kind="problem-validation")
