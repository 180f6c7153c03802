"""Why a delivery did not leave, in words."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_REASONS: Final[dict[str, Promise]] = {
    "by_hand": gettext_lazy("Given up by hand"),
    "deactivated": gettext_lazy("The person was deactivated"),
    "not_visible": gettext_lazy("The person may not see the thing any more"),
    "not_wanted": gettext_lazy("The person does not want such messages"),
    "read": gettext_lazy("It was read in the inbox before"),
    "not_connected": gettext_lazy("The person has no Slack connected"),
    "slack_busy": gettext_lazy("Slack asked us to wait"),
    "slack_failed": gettext_lazy("Slack had an error of its own"),
    "slack_refused": gettext_lazy("Slack does not know this webhook any more"),
    "refused": gettext_lazy("The address leads into a network that is not public"),
    "mistyped": gettext_lazy("The address cannot be called"),
    "no_connection": gettext_lazy("The other system cannot be reached, or it broke off"),
    "unknown_name": gettext_lazy("The host’s name is not known"),
    "bad_certificate": gettext_lazy("The other system’s certificate is not valid"),
    "out_of_time": gettext_lazy("The other system took too long"),
    "answer_too_large": gettext_lazy("The other system’s answer is too large"),
    "MissingKey": gettext_lazy("The key that sealed the address is not in the key ring"),
    "Tampered": gettext_lazy("The sealed address was changed"),
    "BadKeyRing": gettext_lazy("The key ring cannot be read"),
    "TimeoutError": gettext_lazy("The mail server took too long"),
    "ConnectionRefusedError": gettext_lazy("The mail server is not there"),
    "ConnectionResetError": gettext_lazy("The mail server broke off"),
    "SMTPServerDisconnected": gettext_lazy("The mail server broke off"),
    "gaierror": gettext_lazy("The mail server's name is not known"),
    "SSLCertVerificationError": gettext_lazy("The mail server's certificate is not valid"),
    "SMTPAuthenticationError": gettext_lazy("The mail server does not accept user and password"),
    "SMTPConnectError": gettext_lazy("The mail server refused the connection"),
    "SMTPSenderRefused": gettext_lazy("The mail server refused the sender"),
    "SMTPRecipientsRefused": gettext_lazy("The mail server refused the recipient"),
    "SMTPDataError": gettext_lazy("The mail server refused the mail"),
}


def reason_in_words(reason: str) -> str:
    """Return the reason as a sentence; an error of another kind is named by its class."""
    if not reason or reason in _REASONS:
        return str(_REASONS.get(reason, ""))
    return _("It could not be sent (%(error)s)") % {"error": reason}
