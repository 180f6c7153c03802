"""The history of a job's definition: its versions, what differs between two, and going back to one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from jobs.access import access_job, access_version, shown_definition
from jobs.actions import definitions
from jobs.differences import differences
from jobs.exceptions import ChangedMeanwhile, DefinedElsewhere, InvalidDefinition
from jobs.models import Job
from portal.accounts.access import signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.paging import keyset

SHOWN = 30


@require_safe
def job_versions(request: HttpRequest, key: str) -> HttpResponse:
    """Show the versions, and what differs between two of them: the newest two unless said otherwise."""
    user = signed_in(request)
    job = access_job(user, key, for_=Permission.EDIT_JOBS)
    page = keyset(job.versions.all(), order=("-number",), cursor=request.GET.get("cursor"), size=SHOWN)
    newer = _number(request, "newer", job.version)
    older = _number(request, "older", newer - 1)
    both = {each.number: each for each in job.versions.filter(number__in=[older, newer])}
    compared = None
    if len(both) == 2:
        before, after = (shown_definition(both[each].definition, user) for each in (older, newer))
        compared = differences(before, after)
    context = {"job": job, "page": page, "newer": newer, "older": older, "compared": compared}
    return render(request, "jobs/job_versions.html", context)


@require_POST
def job_restore(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Make an earlier version the newest again."""
    user = signed_in(request)
    version = access_version(user, key, number)
    job: Job = version.job
    read = request.POST.get("version", "")
    try:
        changed = definitions.restore(
            job=job,
            number=number,
            version=int(read) if read.isascii() and read.isdigit() and len(read) < 10 else job.version,
            user=user,
            by=actor_of(request),
        )
    except ChangedMeanwhile:
        messages.error(request, _("Somebody changed it at the same time. Look at it again, then restore."))
    except DefinedElsewhere:
        messages.error(request, _("This job is not changed here."))
    except InvalidDefinition as error:
        told = _("Version {n} does not fit any more: {why}").format(n=number, why=str(error))
        messages.error(request, told)
    else:
        if changed.version == job.version:
            messages.info(request, _("Nothing was different."))
        else:
            told = _("Version {n} is back, as version {new}.").format(n=number, new=changed.version)
            messages.success(request, told)
    return redirect("job_versions", key)


def _number(request: HttpRequest, name: str, usual: int) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else usual
