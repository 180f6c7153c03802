"""«Ask the lake»: write SQL, run it, read the answer; live while the query runs."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from catalog.readable import readable_tables
from jobs import queries
from jobs.access import access_query
from jobs.actions import runs
from jobs.actions.queries import ask
from jobs.choices import QUERY_JOB, RunState
from jobs.exceptions import CancelMissed, InvalidParameters, JobDisabled, RunAlreadyEnded, TooManyQueries
from jobs.history import usual_duration
from jobs.models import Run
from jobs.queue import why_waiting
from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.ui.htmx import wants_part
from portal.ui.paging import keyset
from portal.ui.result_chart import ChartChoice
from portal.warehouse.errors import RefusedSql
from portal.warehouse.linting import ReadableTable

LONGEST = 100_000
PAGE = 15


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def query_new(request: HttpRequest) -> HttpResponse:
    """Show the editor, or run what was written in it."""
    user = signed_in(request)
    require(user, Permission.RUN_SQL)
    if request.method == "POST":
        return _run(request, user)
    sql = _first_look(readable_tables(user).get(request.GET.get("table", "")))
    return render(request, "jobs/query.html", _page(request, user, sql=sql))


@require_safe
@vary_on_headers("HX-Request")
def query(request: HttpRequest, number: int) -> HttpResponse:
    """Show a query of one's own with its answer; its own polls get the answer or the list's state only."""
    user = signed_in(request)
    run = access_query(user, number)
    part = request.GET.get("part") if wants_part(request) else None
    if part == "result":
        return render(request, "jobs/query/result.html", result_of(run))
    if part == "state":
        return render(request, "jobs/query/state.html", {"run": run})
    written = run.params.get("written") or run.params["sql"]
    chart = ChartChoice.model_validate(run.params.get("chart") or {})
    fields = queries.fields_of(run)
    context = _page(request, user, sql=written, fields=fields, chart=chart)
    return render(request, "jobs/query.html", {**context, **result_of(run)})


@require_POST
def query_cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Stop a query of one's own."""
    user = signed_in(request)
    run = access_query(user, number)
    try:
        runs.cancel(run=run, by=actor_of(request))
    except RunAlreadyEnded:
        messages.info(request, _("It had already ended."))
    except CancelMissed:
        messages.error(request, _("It went on to another worker meanwhile. Cancel it again."))
    page = reverse("query", args=[number])
    return redirect(f"{page}?part=result" if wants_part(request) else page)


@require_safe
def query_file(request: HttpRequest, number: int) -> HttpResponse | StreamingHttpResponse:
    """Hand out the kept rows as a CSV file."""
    user = signed_in(request)
    run = access_query(user, number)
    evidence = queries.evidence_of(run)
    if evidence is None:
        return redirect("query", number)
    response = StreamingHttpResponse(queries.csv_of(evidence), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="query-{number}.csv"'
    return response


def result_of(run: Run) -> dict[str, Any]:
    """Return what ``jobs/query/result.html`` takes: the answer, the problem, or how far it is."""
    now = timezone.now()
    problem = queries.problem_of(run)
    rendered = [] if run.is_open else queries.rendered(run)
    if problem is not None and rendered:
        # The place is marked in the whole statement then.
        problem = replace(problem, lines=[])
    return {
        "run": run,
        "answer": queries.answer_of(run) if run.state == RunState.SUCCEEDED else None,
        "problem": problem,
        "rendered": rendered,
        "doing": _doing(run) if run.is_open else "",
        "elapsed": (run.finished_at or now) - run.started_at if run.started_at else None,
        "usual": usual_duration(run.job_id, before=run) if run.is_open else None,
    }


def editor_of(
    user: User,
    *,
    sql: str,
    fields: list[queries.ParameterField] | None = None,
    chart: ChartChoice | None = None,
    refused: queries.Problem | None = None,
) -> dict[str, Any]:
    """Return what ``jobs/query/editor.html`` takes."""
    return {
        "sql": sql,
        "fields": fields or [],
        "kinds": queries.KINDS,
        "chart": chart or ChartChoice(),
        "chart_y": ", ".join(chart.y) if chart else "",
        "refused": refused,
        "tables": sorted(readable_tables(user).values(), key=lambda table: table.name),
    }


def _first_look(table: ReadableTable | None) -> str:
    """Return a statement that shows some rows; without the columns that are masked for this person."""
    if table is None:
        return ""
    without = f" EXCLUDE ({', '.join(sorted(table.withheld))})" if table.withheld else ""
    return f"SELECT *{without}\nFROM {table.name}\nLIMIT 100"


def _run(request: HttpRequest, user: User) -> HttpResponse:
    sql = request.POST.get("sql", "")[:LONGEST]
    chart = queries.chart_from(request.POST)
    fields, values = queries.read_parameters(queries.parameters_in(sql), request.POST)
    refused = None
    if any(each.error for each in fields):
        refused = queries.Problem(_("Fill in the parameters below the statement, then run it again."))
    else:
        try:
            run = ask(sql=sql, parameters=values, chart=chart, by=actor_of(request), requested_by=user)
        except RefusedSql as error:
            refused = queries.problem(str(error), sql, error.line, error.column)
        except InvalidParameters as error:
            refused = queries.Problem(str(error))
        except TooManyQueries:
            refused = queries.Problem(
                _("Several of your queries are still open. Wait for one, or cancel it.")
            )
        except JobDisabled:
            refused = queries.Problem(
                _("Queries are switched off. Somebody who may edit jobs can switch them on.")
            )
        else:
            return redirect("query", run.number)
    context = _page(request, user, sql=sql, fields=fields, chart=chart, refused=refused)
    return render(request, "jobs/query.html", context, status=422)


def _page(request: HttpRequest, user: User, **editor: Any) -> dict[str, Any]:
    own = (
        Run.objects.visible_to(user)
        .filter(job__key=QUERY_JOB, requested_by=user)
        .only("number", "state", "params", "outputs", "created_at", "started_at", "finished_at")
    )
    page = keyset(own, order=("-id",), cursor=request.GET.get("cursor"), size=PAGE)
    return {**editor_of(user, **editor), "page": page}


def _doing(run: Run) -> str:
    if run.state != RunState.RUNNING:
        return why_waiting(run, now=timezone.now())
    return _("Stopping") if run.cancel_requested_at else _("Reading the lake")
