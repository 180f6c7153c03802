"""What the composer sends."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.discussion.actions import attachments
from portal.discussion.exceptions import DiscussionError, UnknownUpload
from portal.discussion.models import Attachment
from portal.discussion.subjects import Subject
from portal.discussion.threads import Composer


class NoAudience(DiscussionError):
    """Whoever can write both kinds says which one it is, each time."""

    def __init__(self) -> None:
        super().__init__(_("Choose who reads it: everybody, or the data team only."))


@dataclass(frozen=True, slots=True)
class Sent:
    """A sending of the composer, read but not yet believed."""

    body: str
    audience: str
    once: str
    uploads: list[UUID]

    def composer(self, owner: User, error: str) -> Composer:
        """Return the form as it was sent, with what went wrong; its files wait on."""
        waiting = list(Attachment.objects.waiting(owner).filter(pk__in=self.uploads))
        return Composer(self.body, self.audience, error, waiting)


def read(request: HttpRequest) -> Sent:
    """Return what was typed and chosen."""
    given = request.POST
    uploads = [found for text in given.getlist("upload") if (found := _uuid(text)) is not None]
    once = given.get("once", "").replace("\0", "")[:64]
    return Sent(given.get("body", ""), _audience(given), once, uploads)


def is_internal(sent: Sent, subject: Subject) -> bool:
    """Say whether it is an internal note; raises NoAudience when that was left open or said in two ways."""
    if not subject.may_see_internal:
        return False
    if sent.audience not in {"everybody", "team"}:
        raise NoAudience
    return sent.audience == "team"


def keep_files(request: HttpRequest, sent: Sent, owner: User) -> Sent:
    """Keep the files that came with the form itself, as uploads that wait; raises UploadRefused."""
    refused = getattr(request, "refused_uploads", [])
    if refused:
        raise attachments.too_large(refused[0])
    for file in request.FILES.getlist("files")[: attachments.MOST_A_COMMENT]:
        kept = attachments.upload(chunks=file.chunks(), name=file.name or "", owner=owner)
        sent.uploads.append(kept.pk)
    return sent


def _audience(given: QueryDict) -> str:
    """Return the chosen audience; "" when the pressed button says another one than the switch."""
    chosen, pressed = given.get("audience", ""), given.get("send", "")
    return chosen if not pressed or pressed == chosen else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError as error:
        raise UnknownUpload from error
