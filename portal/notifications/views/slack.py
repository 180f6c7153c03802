"""One's own Slack: connect it, send a test message, let it go."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.accounts.access import signed_in
from portal.audit.actions import actor_of
from portal.notifications import hooks
from portal.notifications.models import SlackHook
from portal.notifications.reasons import reason_in_words
from portal.notifications.slack import NotTaken, send_test
from portal.notifications.views.preferences import show
from portal.outgoing import Mistyped, OutgoingError
from portal.vault.exceptions import VaultError


@require_POST
def slack_connect(request: HttpRequest) -> HttpResponse:
    """Keep the address of an incoming webhook, or say what is wrong with it."""
    user = signed_in(request)
    try:
        hooks.connect(user=user, url=request.POST.get("url", "").strip(), by=actor_of(request))
    except Mistyped as problem:
        return show(request, user, problem=str(problem))
    messages.success(request, _("Slack is connected. Send a test message to see where it arrives."))
    return redirect("notification_preferences")


@require_POST
def slack_test(request: HttpRequest) -> HttpResponse:
    """Send a message now, and say what Slack answered."""
    user = signed_in(request)
    hook = SlackHook.objects.filter(user=user).first()
    if hook is None:
        messages.warning(request, _("No Slack is connected."))
    elif not hooks.may_test(hook):
        messages.warning(request, _("Wait some seconds before the next test message."))
    else:
        try:
            send_test(hook)
        except (NotTaken, OutgoingError, VaultError) as error:
            reason = reason_in_words(str(getattr(error, "reason", "") or type(error).__name__))
            messages.error(request, _("The test message did not arrive: %(reason)s.") % {"reason": reason})
        else:
            hooks.note_success(user)
            messages.success(request, _("Slack took the test message."))
    return redirect("notification_preferences")


@require_POST
def slack_disconnect(request: HttpRequest) -> HttpResponse:
    """Forget the address."""
    user = signed_in(request)
    if hooks.disconnect(user=user, by=actor_of(request)):
        messages.success(request, _("Slack is disconnected, and its address is forgotten."))
    return redirect("notification_preferences")
