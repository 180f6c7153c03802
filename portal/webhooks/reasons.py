"""Why a delivery was not taken, in words."""

import re
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.notifications.reasons import reason_in_words as other_reason

_REASONS: Final[dict[str, Promise]] = {
    "not_visible": gettext_lazy("Its owner may not see the thing any more"),
    "not_allowed": gettext_lazy("Its owner may keep no webhooks any more"),
    "deactivated": gettext_lazy("Its owner was deactivated"),
    "switched_off": gettext_lazy("The webhook was switched off"),
    "not_configured": gettext_lazy("The settings name no address any more"),
}
_STATUS: Final = re.compile(r"status_(\d{3})")


def reason_in_words(reason: str) -> str:
    """Return the reason as a sentence; "" for none."""
    if reason in _REASONS:
        return str(_REASONS[reason])
    if match := _STATUS.fullmatch(reason):
        return _("Answered with %(status)s") % {"status": match[1]}
    return other_reason(reason)
