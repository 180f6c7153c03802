"""One's inbox, and the count beside the bell."""

import datetime as dt
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import signed_in
from portal.events import nodes
from portal.notifications.access import access_notification
from portal.notifications.actions import read, unread
from portal.notifications.models import Notification
from portal.notifications.rows import rows_of
from portal.ui.paging import keyset

# The bell says «9+» for more.
MOST_COUNTED = 9


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show what one was told, newest first: the unread, or with ``?show=all`` everything."""
    user = signed_in(request)
    everything = request.GET.get("show") == "all"
    own = Notification.objects.of(user)
    page = keyset(own if everything else own.unread(), order=("-id",), cursor=request.GET.get("cursor"))
    context = {
        "rows": rows_of(page.items, user),
        "page": page,
        "everything": everything,
        "newest": page.items[0].pk if page.items else 0,
        "query": "show=all" if everything else "",
    }
    return render(request, "notifications/inbox.html", context)


@require_safe
def inbox_count(request: HttpRequest) -> HttpResponse:
    """Give the number beside the bell, nothing for none: as many rows as the inbox lists, up to nine."""
    user = signed_in(request)
    page = keyset(Notification.objects.of(user).unread(), order=("-id",), cursor=None)
    count = len(rows_of(page.items, user))
    more = count > MOST_COUNTED or (count and page.next_cursor)
    return render(request, "notifications/count.html", {"shown": f"{MOST_COUNTED}+" if more else count})


@require_POST
def inbox_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark what was told about the thing as read and lead to it, where the reader still may see it."""
    user = signed_in(request)
    told = access_notification(user, pk)
    node = nodes.resolve([told.reference], user).get(told.reference)
    about = Notification.objects.of(user).filter(about_kind=told.about_kind, about_key=told.about_key)
    read(notifications=about.filter(pk__lte=pk))
    return redirect(node.url if node is not None and node.url else "inbox")


@require_POST
def inbox_read(request: HttpRequest) -> HttpResponse:
    """Mark as read what one has seen: all up to ``upto``, so that what comes meanwhile stays unread.

    With ``pk`` only what its row showed: the same news of the same thing.
    """
    user = signed_in(request)
    rows = Notification.objects.of(user).unread().filter(pk__lte=_number(request.POST.get("upto", "")))
    words = _("Everything is marked as read.")
    if pk := _number(request.POST.get("pk", "")):
        told = access_notification(user, pk)
        rows = (
            Notification.objects.of(user)
            .unread()
            .filter(pk__lte=pk, kind=told.kind, about_kind=told.about_kind, about_key=told.about_key)
        )
        words = _("Marked as read.")
    at = timezone.now()
    if read(notifications=rows, at=at):
        undo = f"{reverse('inbox_unread')}?{urlencode({'at': at.isoformat()})}"
        messages.success(request, words, extra_tags=undo)
    return _back(request)


@require_POST
def inbox_unread(request: HttpRequest) -> HttpResponse:
    """Take one notification back to the unread, or with ``?at=`` all that was marked at that moment."""
    own = Notification.objects.of(signed_in(request))
    if at := request.GET.get("at", ""):
        unread(notifications=own.filter(read_at=_moment(at)))
    else:
        unread(notifications=own.filter(pk=_number(request.POST.get("pk", ""))))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    everything = request.POST.get("show") == "all"
    return redirect(reverse("inbox") + ("?show=all" if everything else ""))


def _moment(text: str) -> dt.datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        message = "not a moment"
        raise BadRequest(message)
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
