"""Files: sent ahead by the composer's script, fetched by readers of the comment, removed by their owner."""

from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import signed_in
from portal.audit.actions import actor_of
from portal.discussion.access import access_attachment, access_comment, access_subject
from portal.discussion.actions import attachments
from portal.discussion.exceptions import NotAllowed, UploadRefused
from portal.discussion.files import ATTACHMENTS
from portal.discussion.models import Attachment
from portal.discussion.threads import home_of
from portal.storage import disposition
from portal.ui.htmx import wants_part
from portal.ui.middleware import SANDBOX


@require_POST
def thread_upload(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Keep one file until its comment is sent; answers with its row for the composer."""
    user = signed_in(request)
    access_subject(user, (kind, key), to_comment=True)
    try:
        sent = _sent(request)
        kept = attachments.upload(chunks=sent.chunks(), name=sent.name or "", owner=user)
    except UploadRefused as error:
        return render(request, "discussion/upload_refused.html", {"error": str(error)}, status=422)
    return render(request, "discussion/upload.html", {"file": kept}, status=201)


def _sent(request: HttpRequest) -> "UploadedFile[bytes]":
    refused = getattr(request, "refused_uploads", [])
    if refused:
        raise attachments.too_large(refused[0])
    sent = request.FILES.get("file")
    if sent is None:
        raise UploadRefused(_("No file came with it."))
    return sent


@require_safe
def attachment(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Give a file to whoever reads its comment: pictures into the page, all else only to be saved."""
    found = access_attachment(signed_in(request), pk)
    try:
        body = ATTACHMENTS.open(found.stored)
    except OSError as error:
        raise Http404 from error
    response = FileResponse(body, content_type=_content_type(found))
    response["Content-Length"] = str(found.size)
    response["Content-Disposition"] = disposition(found.name, inline=found.is_picture)
    response["Content-Security-Policy"] = SANDBOX
    return response


@require_POST
def attachment_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove one's own file."""
    user = signed_in(request)
    found = access_attachment(user, pk)
    subject = access_comment(user, found.comment_id)[1] if found.comment_id is not None else None
    try:
        attachments.remove(attachment=found, subject=subject, user=user, by=actor_of(request))
    except NotAllowed:
        return HttpResponse(status=403)
    if wants_part(request) or subject is None:
        return HttpResponse()
    return redirect(f"{home_of(subject)}#comment-{found.comment_id}")


def _content_type(found: Attachment) -> str:
    """Only pictures are called what they are; a browser must not find a page in anything else."""
    return found.media_type if found.is_picture else "application/octet-stream"
