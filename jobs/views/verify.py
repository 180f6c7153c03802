"""The action behind «Verify»: it lives here and not in the catalog because it starts a run."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from catalog.access import access_metric
from catalog.series import glances
from jobs.actions.verifications import verify
from jobs.exceptions import JobDisabled, TooManyVerifications
from portal.accounts.access import signed_in
from portal.audit.actions import actor_of
from portal.ui.htmx import wants_part


@require_POST
def metric_verify(request: HttpRequest, key: str) -> HttpResponse:
    """Have the metric's shown figure computed again; whoever may see it may ask for that."""
    user = signed_in(request)
    metric = access_metric(user, key)
    page = reverse("metric", args=[key])
    glance = glances([metric]).get(metric.pk)
    try:
        if glance is not None:
            verify(
                evidence=glance.figure.point.evidence,
                about=("metric", key),
                label=key,
                by=actor_of(request),
                requested_by=user,
            )
    except JobDisabled:
        messages.error(request, _("Verifying is switched off. Somebody who may edit jobs can switch it on."))
    except TooManyVerifications:
        messages.error(request, _("Many of your verifications are still waiting. Try again in a minute."))
    else:
        return redirect(f"{page}?part=verification" if wants_part(request) else f"{page}#verification")
    # A part has no room for a message: the page shows it.
    return HttpResponseClientRedirect(page) if wants_part(request) else redirect(page)
