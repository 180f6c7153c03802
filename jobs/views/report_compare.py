"""Any two editions of a report side by side."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.access import access_edition, access_report
from jobs.editions import edition_before, named
from jobs.models import Job, Run
from jobs.report_changes import side_by_side
from jobs.reports import edition_of, editions_of
from portal.accounts.access import signed_in
from portal.accounts.models import User

# So many editions are offered; an older one is compared by its page's link.
OFFERED: Final = 60


@require_safe
def report_compare(request: HttpRequest, key: str) -> HttpResponse:
    """Show two editions (``?now=`` and ``?before=``, by their runs' numbers), the newest two unless said."""
    user = signed_in(request)
    job = access_report(user, key)
    listed = editions_of(job, most=OFFERED)
    now = _chosen(user, job, request.GET.get("now", "")) or (listed[0] if listed else None)
    earlier = _chosen(user, job, request.GET.get("before", ""))
    if earlier is None and now is not None:
        earlier = edition_before(now)
    offered = {each.pk: each for each in [*listed, *filter(None, (now, earlier))]}
    names = named(job, sorted(offered.values(), key=lambda each: each.number, reverse=True))
    by_run = {each.run.pk: each for each in names}
    context = {"job": job, "offered": names, "now": now, "before": earlier}
    if now is not None and earlier is not None:
        context |= {
            "found": side_by_side(edition_of(now, user, files=False), edition_of(earlier, user, files=False)),
            "heads": [by_run[earlier.pk], by_run[now.pk]],
        }
    return render(request, "jobs/report_compare.html", context)


def _chosen(user: User, job: Job, number: str) -> Run | None:
    """Return the edition of this very report that a number names; None where nothing was chosen."""
    if not number:
        return None
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Http404
    return access_edition(user, job.key, int(number))
