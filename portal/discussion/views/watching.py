"""Watch a thing, or watch it no more."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from portal.accounts.access import signed_in
from portal.audit.actions import actor_of
from portal.discussion import watching
from portal.discussion.access import access_subject
from portal.discussion.threads import home_of, thread_of
from portal.ui.htmx import wants_part


@require_POST
@vary_on_headers("HX-Request")
def watch(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Hear of every comment from now on."""
    return _set(request, kind, key, wanted=True)


@require_POST
@vary_on_headers("HX-Request")
def unwatch(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Hear of comments no more, unless one is named or it concerns oneself."""
    return _set(request, kind, key, wanted=False)


def _set(request: HttpRequest, kind: str, key: str, *, wanted: bool) -> HttpResponse:
    user = signed_in(request)
    subject = access_subject(user, (kind, key))
    act = watching.watch if wanted else watching.unwatch
    act(reference=subject.reference, user=user, by=actor_of(request))
    if wants_part(request):
        shown = thread_of(subject.reference, user, subject=subject)
        return render(request, "discussion/watching.html", {"thread": shown})
    return redirect(f"{home_of(subject)}#discussion")
