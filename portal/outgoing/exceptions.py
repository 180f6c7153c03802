"""Why a call to another system did not come back with an answer.

The messages are for whoever wrote the address: they never say what stands behind a refused one.
"""

from django.utils.translation import gettext_noop as _

from portal.said import said


class OutgoingError(Exception):
    """The call failed: ``reason`` is a word for rows and logs, ``may_heal`` says if a later try may help."""

    reason = "failed"
    may_heal = True
    words = _("The call failed.")

    def __init__(self, words: str = "") -> None:
        super().__init__(words or said(self.words))


class Mistyped(OutgoingError):
    """The address cannot be read; the message says what is wrong with it."""

    reason = "mistyped"
    may_heal = False


class Refused(OutgoingError):
    """The address leads where no call may go."""

    reason = "refused"
    may_heal = False
    words = _(
        "Data Desk does not call this address: it leads into a network that is not public. "
        "An operator can allow the host with OUTGOING_ALLOW."
    )


class NoConnection(OutgoingError):
    """Nobody answered there, or broke off."""

    reason = "no_connection"
    words = _("The other system cannot be reached, or it broke off.")


class UnknownName(NoConnection):
    """The name is not known; ``surely`` where a name server says so, and not for want of its answer."""

    surely = False
    reason = "unknown_name"
    words = _("The host's name is not known.")


class BadCertificate(NoConnection):
    """The other side cannot prove who it is."""

    reason = "bad_certificate"
    words = _("The other system's certificate is not valid.")


class OutOfTime(OutgoingError):
    """The whole call took longer than it may."""

    reason = "out_of_time"
    words = _("The other system took too long.")


class AnswerTooLarge(OutgoingError):
    """The answer is longer than anybody wanted it."""

    reason = "answer_too_large"
    may_heal = False
    words = _("The other system's answer is too large.")
