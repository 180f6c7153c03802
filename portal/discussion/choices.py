"""The words of discussions."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class WatchedBy(models.TextChoices):
    """How somebody came to watch a thing."""

    HAND = "hand", _("by hand")
    COMMENT = "comment", _("by a comment")
    ASSIGNMENT = "assignment", _("by an assignment")


class MediaType(models.TextChoices):
    """What a file was found to be by its first bytes; the rest are bytes that nobody looks into."""

    PNG = "image/png", "PNG"
    JPEG = "image/jpeg", "JPEG"
    GIF = "image/gif", "GIF"
    WEBP = "image/webp", "WebP"
    PDF = "application/pdf", "PDF"
    ZIP = "application/zip", "ZIP"
    TEXT = "text/plain", _("text")
    BYTES = "application/octet-stream", _("file")

    @property
    def is_picture(self) -> bool:
        """Whether a browser may show it in the page."""
        return self in {MediaType.PNG, MediaType.JPEG, MediaType.GIF, MediaType.WEBP}
