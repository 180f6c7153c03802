"""A thread as one reader sees it, in a fixed number of queries however long it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared, counting
from portal.discussion import references
from portal.discussion.access import access_subject
from portal.discussion.models import CHANGEABLE, Attachment, Comment, CommentQuerySet, Watch
from portal.discussion.subjects import Subject
from portal.events import Reference
from portal.ui import markdown

PAGE = 30
FACES = 5
_COUNTED: Prepared[int] = Prepared(
    lambda internal, kind, *, key: counting(
        Comment.objects.about((kind, key)).readable(internal=internal).standing()
    )
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One comment as it is shown, and what this reader may do with it."""

    comment: Comment
    html: SafeString
    files: list[Attachment]
    may_edit: bool
    may_delete: bool
    may_restore: bool


@dataclass(frozen=True, slots=True)
class Composer:
    """The form below a thread: what was typed, what is attached, what went wrong.

    ``audience`` is "everybody", "team" or "" (not chosen); only who sees internal notes chooses.
    """

    body: str = ""
    audience: str = ""
    error: str = ""
    files: Sequence[Attachment] = ()
    once: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Thread:
    """A page of comments, the oldest first; ``earlier`` is the id before which others stand."""

    subject: Subject
    reader: User
    entries: list[Entry]
    count: int
    earlier: int | None
    is_newest: bool
    watchers: list[User]
    is_watching: bool
    first_name: str
    composer: Composer

    @property
    def url(self) -> str:
        """The thread's own page."""
        return thread_url(self.subject.reference)

    @property
    def faces(self) -> list[User]:
        """The watchers whose faces are shown; the list behind them names all."""
        return self.watchers[:FACES]


@dataclass(frozen=True, slots=True)
class Teaser:
    """What a thing's page says of its discussion before that is loaded."""

    url: str
    count: int


def thread_url(reference: Reference) -> str:
    """Return the address of a thread's own page."""
    return reverse("thread", args=reference)


def home_of(subject: Subject) -> str:
    """Return the page on which the thread of a thing stands."""
    return subject.page or thread_url(subject.reference)


def teaser(reference: Reference, reader: User) -> Teaser:
    """Return how much was said about a thing that this reader sees: one query."""
    # As in the subjects of assets and runs: the data team reads internal notes there.
    internal = reader.may(Permission.ANSWER_QUESTIONS)
    kind, key = reference
    return Teaser(thread_url(reference), sum(_COUNTED(internal, kind, key=key)))


def thread_of(
    reference: Reference,
    reader: User,
    *,
    before: int | None = None,
    subject: Subject | None = None,
    composer: Composer | None = None,
) -> Thread:
    """Return the newest page of a thread, or the page before a comment; raises Http404 for the invisible."""
    subject = subject or access_subject(reader, reference)
    readable = Comment.objects.about(subject.reference).readable(internal=subject.may_see_internal)
    comments, earlier = _page(readable, before)
    people = _people(subject)
    watching = [user for user, watches in people if watches]
    return Thread(
        subject=subject,
        reader=reader,
        entries=entries_of(comments, reader, subject),
        count=readable.standing().count(),
        earlier=earlier,
        is_newest=before is None,
        watchers=watching,
        is_watching=any(user.pk == reader.pk for user in watching),
        first_name=next((user.name for user, _ in people if user.pk == subject.first != reader.pk), ""),
        composer=composer or Composer(),
    )


def entries_of(comments: list[Comment], reader: User, subject: Subject) -> list[Entry]:
    """Return these comments as the reader sees them: references and mentions resolved in one batch."""
    now = timezone.now()
    known = references.links((comment.body for comment in comments), reader)
    return [_entry(comment, reader, subject, known, now) for comment in comments]


def one_entry(comment: Comment, reader: User, subject: Subject) -> Entry:
    """Return one comment, read again, as the reader sees it."""
    fresh = _with_all(Comment.objects.filter(pk=comment.pk)).get()
    return entries_of([fresh], reader, subject)[0]


def may_moderate(user: User) -> bool:
    """Say whether somebody may delete what others wrote."""
    return user.may(Permission.TRIAGE_QUESTIONS)


def _with_all(comments: CommentQuerySet) -> CommentQuerySet:
    return comments.select_related("author", "deleted_by").prefetch_related("attachments", "mentions")


def _page(readable: CommentQuerySet, before: int | None) -> tuple[list[Comment], int | None]:
    rows = readable.filter(pk__lt=before) if before is not None else readable
    found = list(_with_all(rows.order_by("-pk"))[: PAGE + 1])
    shown = found[:PAGE]
    shown.reverse()
    return shown, shown[0].pk if len(found) > PAGE else None


def _people(subject: Subject) -> list[tuple[User, bool]]:
    """Return the active watchers and the one whom the button names, each with whether they watch."""
    kind, key = subject.reference
    watching = set(Watch.objects.filter(about_kind=kind, about_key=key).values_list("user_id", flat=True))
    wanted = Q(pk__in=watching) | (Q(pk=subject.first) if subject.first is not None else Q())
    found = User.objects.filter(wanted, is_active=True).order_by("name", "pk") if wanted else []
    return [(user, user.pk in watching) for user in found]


def _entry(comment: Comment, reader: User, subject: Subject, known: dict[str, str], now: datetime) -> Entry:
    deleted = comment.deleted_at is not None
    own = comment.author_id == reader.pk
    names = [mention.written for mention in comment.mentions.all()]
    return Entry(
        comment=comment,
        html=SafeString("") if deleted else markdown.render(comment.body, markdown.Known(known, names)),
        files=[] if deleted else list(comment.attachments.all()),
        may_edit=not deleted and own and subject.may_comment and comment.created_at > now - CHANGEABLE,
        may_delete=not deleted and (own or may_moderate(reader)),
        may_restore=comment.deleted_at is not None
        and comment.deleted_by_id == reader.pk
        and comment.deleted_at > now - CHANGEABLE,
    )
