"""The page of one's open sessions."""

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import access_session, signed_in
from portal.accounts.actions import sessions as actions
from portal.accounts.devices import device_of
from portal.accounts.sessions import open_sessions
from portal.audit.actions import actor_of


@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    """Show where one is signed in, this very session first."""
    found = open_sessions(signed_in(request), current=request.session.session_key)
    others = any(not session.current for session in found)
    return render(request, "accounts/sessions.html", {"sessions": found, "others": others})


@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's sessions; ending this very one leads to the sign-in."""
    session = access_session(signed_in(request), pk)
    actions.end(session=session, by=actor_of(request))
    if session.session_key == request.session.session_key:
        # Its row is gone: without this the answer would try to save it and fail.
        logout(request)
        return redirect("account_login")
    messages.success(request, _("%(device)s is signed out.") % {"device": device_of(session.user_agent)})
    return redirect("sessions")


@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End one's sessions on all other machines; this one goes on under a new key."""
    key = request.session.session_key
    user = actions.end_all(user=signed_in(request), by=actor_of(request), keep=key)
    update_session_auth_hash(request, user)
    actions.rename(before=key, after=request.session.session_key)
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("sessions")
