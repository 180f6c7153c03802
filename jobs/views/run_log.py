"""A run's log: its live end as lines behind a number, a page to search, and a file."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from jobs import logs
from jobs.access import access_run
from jobs.models import Run
from portal.accounts.access import signed_in
from portal.ui.htmx import wants_part

# A reader's page keeps so many live lines; beyond it the end is drawn afresh, so that a browser never chokes.
MOST_LIVE = 2000
NOTHING_NEW = 204


@require_safe
@vary_on_headers("HX-Request")
def run_log(request: HttpRequest, number: int) -> HttpResponse:
    """Show the log page; answer a poll of the live log with the lines that are new to it."""
    user = signed_in(request)
    run = access_run(user, number)
    if wants_part(request) and "after" in request.GET:
        return _new_lines(request, run)
    wanted = logs.Wanted(
        level=request.GET.get("level", ""), text=request.GET.get("q", "").replace("\0", "")[:200]
    )
    after, before = _number(request, "after"), _number(request, "before")
    if after is not None:
        lines = logs.read_after(run, after, wanted=wanted)
    else:
        lines = logs.read_last(run, before=before, count=logs.PAGE, wanted=wanted)
    context = {
        "run": run,
        "job": run.job,
        "lines": lines,
        "total": logs.count_lines(run),
        "wanted": wanted,
        "levels": logs.LEVELS,
        "query": urlencode(
            {name: value for name, value in (("level", wanted.level), ("q", wanted.text)) if value}
        ),
        "earlier": _beside(run, lines, wanted, earlier=True),
        "later": _beside(run, lines, wanted, earlier=False),
    }
    return render(request, "jobs/run_log.html", context)


@require_safe
def run_log_file(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """Send the whole log as text, piece by piece."""
    user = signed_in(request)
    run = access_run(user, number)
    response = StreamingHttpResponse(logs.read_all(run), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{run.job.key}-{run.number}.log.txt"'
    return response


def _new_lines(request: HttpRequest, run: Run) -> HttpResponse:
    """Answer with the new lines and the next poll in their place; end the polling with the run."""
    after, shown = _number(request, "after") or 0, _number(request, "shown") or 0
    # The run was read before its lines: if it had ended by then, these are the last.
    lines = logs.read_after(run, after)
    if not lines and run.is_open:
        return HttpResponse(status=NOTHING_NEW)
    shown += len(lines)
    afresh = shown > MOST_LIVE or len(lines) == logs.PAGE
    if afresh:
        lines = logs.read_last(run)
        shown = len(lines)
    last_line = lines[-1].number if lines else after
    context = {"run": run, "lines": lines, "shown": shown, "last_line": last_line}
    response = render(request, "jobs/run/log_tail.html", context)
    if afresh:
        response["HX-Retarget"], response["HX-Reswap"] = "#log-lines", "innerHTML"
    return response


def _beside(run: Run, lines: list[logs.Line], wanted: logs.Wanted, *, earlier: bool) -> int | None:
    """Return the line number to go on from; None where nothing more is that way."""
    if not lines:
        return None
    if earlier:
        first = lines[0].number
        return first if logs.read_last(run, before=first, count=1, wanted=wanted) else None
    last = lines[-1].number
    return last if logs.read_after(run, last, count=1, wanted=wanted) else None


def _number(request: HttpRequest, name: str) -> int | None:
    raw = request.GET.get(name, "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else None
