"""A query written for an answer: run it, look at what it gives, use that as evidence."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from jobs import queries
from jobs.access import access_query
from jobs.actions.queries import ask
from jobs.choices import RunState
from jobs.exceptions import InvalidParameters, JobDisabled, TooManyQueries
from jobs.models import Run
from jobs.views.query import LONGEST, editor_of, result_of
from portal.accounts.access import require, signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.evidence.actions import cite
from portal.ui.result_chart import ChartChoice
from portal.warehouse.errors import RefusedSql
from requests_app.access import access_question
from requests_app.models import Answer, DataRequest
from requests_app.views.answer import draft_of, may_write
from requests_app.views.citation import draft_to_prove
from requests_app.views.question import head_of


@require_http_methods(["GET", "HEAD", "POST"])
def question_query(request: HttpRequest, number: int) -> HttpResponse:
    """Show the editor and, with ``?run=``, what came out; POST runs the statement, or cites its result."""
    user = signed_in(request)
    question = access_question(user, number, for_=Permission.ANSWER_QUESTIONS)
    require(user, Permission.RUN_SQL)
    if draft_of(question) is None and may_write(question, user):
        messages.info(request, _("Write a first sentence; then evidence can be added to the draft."))
        return redirect("question_answer", number)
    draft = draft_to_prove(question, user)
    if request.method == "POST" and "use" in request.POST:
        return _use(request, question, draft, user)
    if request.method == "POST":
        return _run(request, question, user)
    run = _run_of(request.GET.get("run", ""), user)
    if run is None:
        return _page(request, question, user, editor_of(user, sql=""))
    editor = editor_of(
        user,
        sql=run.params.get("written") or run.params["sql"],
        fields=queries.fields_of(run),
        chart=ChartChoice.model_validate(run.params.get("chart") or {}),
    )
    return _page(request, question, user, {**editor, **result_of(run)})


def _run(request: HttpRequest, question: DataRequest, user: User) -> HttpResponse:
    sql = request.POST.get("sql", "")[:LONGEST]
    chart = queries.chart_from(request.POST)
    fields, values = queries.read_parameters(queries.parameters_in(sql), request.POST)
    if any(each.error for each in fields):
        refused = queries.Problem(_("Fill in the parameters below the statement, then run it again."))
        return _again(request, question, user, sql=sql, fields=fields, chart=chart, refused=refused)
    try:
        run = ask(sql=sql, parameters=values, chart=chart, by=actor_of(request), requested_by=user)
    except RefusedSql as error:
        refused = queries.problem(str(error), sql, error.line, error.column)
    except InvalidParameters as error:
        refused = queries.Problem(str(error))
    except TooManyQueries:
        refused = queries.Problem(_("Several of your queries are still open. Wait for one, or cancel it."))
    except JobDisabled:
        refused = queries.Problem(
            _("Queries are switched off. Somebody who may edit jobs can switch them on.")
        )
    else:
        return redirect(f"{reverse('question_query', args=[question.number])}?run={run.number}")
    return _again(request, question, user, sql=sql, fields=fields, chart=chart, refused=refused)


def _use(request: HttpRequest, question: DataRequest, draft: Answer, user: User) -> HttpResponse:
    """Cite the result of one's own query that has come to an end."""
    run = _run_of(request.POST.get("run", ""), user)
    title = " ".join(request.POST.get("title", "").split())[:200]
    answer = queries.answer_of(run) if run is not None and run.state == RunState.SUCCEEDED else None
    here = reverse("question_query", args=[question.number])
    if answer is None:
        messages.error(request, _("This query has no result that could be cited. Run it again."))
        return redirect(f"{here}?run={run.number}" if run else here)
    if not title:
        messages.error(request, _("Say in a few words what the result shows."))
        return redirect(f"{here}?run={run.number}" if run else here)
    cite(evidence=answer.evidence, about=draft.reference, title=title, user=user, by=actor_of(request))
    messages.success(request, _("The result is cited."))
    return redirect(f"{reverse('question_answer', args=[question.number])}#proof")


def _run_of(number: str, user: User) -> Run | None:
    """Return the person's own query of this number; 404 for anybody else's."""
    return access_query(user, int(number)) if number.isdecimal() and len(number) < 20 else None


def _again(request: HttpRequest, question: DataRequest, user: User, **editor: Any) -> HttpResponse:
    return _page(request, question, user, editor_of(user, **editor), status=422)


def _page(
    request: HttpRequest, question: DataRequest, user: User, editor: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    context = {
        **head_of(question, user),
        **editor,
        "action": reverse("question_query", args=[question.number]),
    }
    return render(request, "requests/answer_query.html", context, status=status)
