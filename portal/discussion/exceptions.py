"""What can go wrong in a discussion, as sentences."""

from django.utils.translation import gettext as _


class DiscussionError(Exception):
    """A discussion refuses; the message is for the person who wrote."""


class EmptyComment(DiscussionError):
    """A comment needs words or a file."""

    def __init__(self) -> None:
        super().__init__(_("Write something, or attach a file."))


class TooLong(DiscussionError):
    """The text is longer than a comment may be."""

    def __init__(self, most: int) -> None:
        super().__init__(_("It is too long: at most %(most)s characters.") % {"most": f"{most:,}"})


class NotAllowed(DiscussionError):
    """This person may not do that to this comment."""

    def __init__(self) -> None:
        super().__init__(_("You may not change this comment."))


class TooLate(DiscussionError):
    """The time in which a comment may be changed, or brought back, is over."""

    def __init__(self) -> None:
        super().__init__(_("That was possible for a day only. Write a new comment instead."))


class EditedMeanwhile(DiscussionError):
    """Somebody, perhaps in another window, has changed the comment since it was opened."""

    def __init__(self) -> None:
        super().__init__(_("The comment was changed meanwhile. Compare, then save again."))


class UnknownUpload(DiscussionError):
    """A file that was to be attached is not a waiting upload of this person."""

    def __init__(self) -> None:
        super().__init__(_("One of the files is no longer there. Attach it again."))


class UploadRefused(DiscussionError):
    """A file cannot be kept; the message says why."""


class TokenReused(DiscussionError):
    """The same sending came with other words before."""

    def __init__(self) -> None:
        super().__init__(_("This form was sent before with other words. Reload the page."))
