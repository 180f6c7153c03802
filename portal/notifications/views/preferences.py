"""How one wants to be told by mail and by Slack."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.notifications.actions import prefer
from portal.notifications.choices import Channel, Pace, Sort
from portal.notifications.models import Preference, SlackHook


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show and keep, for each sort of news, how soon each channel tells of it."""
    user = signed_in(request)
    if request.method == "POST":
        for sort in Sort:
            for channel in Channel:
                chosen = request.POST.get(_field(sort, channel), "")
                if chosen in Pace.values:
                    prefer(user=user, sort=sort, channel=channel, pace=Pace(chosen))
        messages.success(request, _("Your choice is kept."))
        return redirect("notification_preferences")
    return show(request, user)


def show(request: HttpRequest, user: User, *, problem: str = "") -> HttpResponse:
    """Render the page; ``problem`` is what is wrong with a webhook's address, which is never repeated."""
    hook = SlackHook.objects.filter(user=user).first()
    channels = [Channel.MAIL, *([Channel.SLACK] if hook else [])]
    own = {
        (sort, channel): pace
        for sort, channel, pace in Preference.objects.filter(user=user).values_list("sort", "channel", "pace")
    }
    rows: list[dict[str, Any]] = [
        {
            "sort": sort,
            "choices": [
                {
                    "channel": channel,
                    "name": _field(sort, channel),
                    "pace": Pace(own.get((sort.value, channel.value), sort.usual)),
                }
                for channel in channels
            ],
        }
        for sort in Sort
    ]
    context = {"rows": rows, "paces": list(Pace), "channels": channels, "hook": hook, "problem": problem}
    status = 422 if problem else 200
    return render(request, "notifications/preferences.html", context, status=status)


def _field(sort: Sort, channel: Channel) -> str:
    return sort.value if channel is Channel.MAIL else f"{channel.value}-{sort.value}"
