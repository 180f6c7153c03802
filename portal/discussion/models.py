"""Comments, mentions, watches and attachments; what they are about is a reference (kind and key)."""

from datetime import datetime, timedelta
from typing import Self

import uuid_utils.compat
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from portal.accounts.models import User
from portal.discussion.choices import MediaType, WatchedBy
from portal.events import Reference

# How long a comment may be changed by its author, and brought back by whoever deleted it.
CHANGEABLE = timedelta(days=1)


class CommentQuerySet(models.QuerySet["Comment"]):
    """Choose comments."""

    def about(self, reference: Reference) -> Self:
        """Keep what was said about this thing."""
        kind, key = reference
        return self.filter(about_kind=kind, about_key=key)

    def readable(self, *, internal: bool) -> Self:
        """Keep what somebody reads who does, or does not, see internal notes."""
        return self if internal else self.filter(internal=False)

    def standing(self) -> Self:
        """Keep what was not deleted."""
        return self.filter(deleted_at=None)


class Comment(models.Model):
    """What somebody said about a thing, in markdown; an internal note is for the data team only.

    A deleted comment keeps its place; its words go a day later. ``version`` rises with each edit.
    """

    about_kind = models.CharField(max_length=20)
    about_key = models.CharField(max_length=200)
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="comments")
    body = models.TextField(blank=True)
    internal = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    # The form's or caller's own name for this sending; the same one makes one comment.
    once = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = CommentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["author", "once"], condition=~Q(once=""), name="comment_once"),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=False) | Q(deleted_by__isnull=True),
                name="comment_deleted_by_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["about_kind", "about_key", "id"], name="comment_thread"),
            models.Index(
                fields=["deleted_at"],
                condition=Q(deleted_at__isnull=False) & ~Q(body=""),
                name="comment_to_be_emptied",
            ),
        ]

    def __str__(self) -> str:
        return f"comment {self.pk}"

    @property
    def reference(self) -> Reference:
        """What it is about."""
        return self.about_kind, self.about_key


class Mention(models.Model):
    """Somebody is named in a comment: ``written`` is how (``@Ben Cho``), ``told`` whether they heard."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mentions")
    written = models.CharField(max_length=160)
    told = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["comment", "user"], name="mention_once")]

    def __str__(self) -> str:
        return f"{self.written} in {self.comment_id}"


class Watch(models.Model):
    """Somebody hears of what happens to a thing."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="watches")
    about_kind = models.CharField(max_length=20)
    about_key = models.CharField(max_length=200)
    how = models.CharField(max_length=10, choices=WatchedBy, default=WatchedBy.HAND)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["about_kind", "about_key", "user"], name="watch_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} watches {self.about_kind} {self.about_key}"


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    """Choose attachments."""

    def waiting(self, user: User) -> Self:
        """Keep this person's uploads that no comment has taken yet."""
        return self.filter(comment=None, created_by=user)

    def orphans(self, before: datetime) -> Self:
        """Keep the uploads nobody took, and the files of comments that are deleted for good."""
        return self.filter(Q(comment=None, created_at__lt=before) | Q(comment__deleted_at__lt=before))


class Attachment(models.Model):
    """A file of a comment, or an upload of somebody that waits for its comment.

    ``stored`` is a name of our own making in ``VAR/attachments``; ``name`` is only ever shown.
    """

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, null=True, related_name="attachments")
    name = models.CharField(max_length=200)
    stored = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=40, choices=MediaType, default=MediaType.BYTES)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["created_by", "created_at"], name="attachment_of_person"),
            models.Index(fields=["created_at"], condition=Q(comment=None), name="attachment_waiting"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """Where it is fetched."""
        return reverse("attachment", args=[self.pk])

    @property
    def is_picture(self) -> bool:
        """Whether a browser may show it in the page: a raster image whose size is known."""
        return MediaType(self.media_type).is_picture and self.width is not None
