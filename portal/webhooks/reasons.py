"""Why a delivery was not taken or waits, in words."""

import re
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.notifications.reasons import reason_in_words as other_reason
from portal.webhooks.models import Delivery

_REASONS: Final[dict[str, Promise]] = {
    "not_visible": gettext_lazy("Its owner may not see the thing any more"),
    "not_open": gettext_lazy("Its owner and the whole company do not both see the thing any more"),
    "not_allowed": gettext_lazy("Its owner may keep no webhooks any more"),
    "deactivated": gettext_lazy("Its owner was deactivated"),
    "switched_off": gettext_lazy("The webhook was switched off"),
    "paused": gettext_lazy("The webhook is paused: it is sent once that is resumed"),
    "not_configured": gettext_lazy("The settings name no address any more"),
}
_STATUS: Final = re.compile(r"status_(\d{3})")


def reason_of(delivery: Delivery) -> str:
    """Return as a sentence why it was not taken, or why it waits; "" for no reason."""
    reason = "paused" if delivery.is_held else delivery.reason
    if reason in _REASONS:
        return str(_REASONS[reason])
    if match := _STATUS.fullmatch(reason):
        return _("Answered with %(status)s") % {"status": match[1]}
    return other_reason(reason)
