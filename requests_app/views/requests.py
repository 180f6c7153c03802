"""The list of questions: what waits for whom, by views and filters that the address holds."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from portal.accounts.access import signed_in
from portal.accounts.kept import kept
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.ui.htmx import wants_part
from portal.ui.paging import Page, keyset
from portal.ui.templatetags.desk import capped
from requests_app.access import may_triage
from requests_app.choices import Kind, Priority, State
from requests_app.filters import (
    MOST_COUNTED,
    WORK_ORDER,
    QuestionFilter,
    View,
    asking_teams,
    counts_of,
    views_of,
)
from requests_app.models import DataRequest
from requests_app.rows import rows
from requests_app.step_forms import answerers

# Somewhat more than a screen; the next ones come by a click.
SHOWN = 25
# Seconds.
COUNTED_FOR = 5


@dataclass(frozen=True, slots=True)
class Tab:
    """One view as a tab."""

    label: str | Promise
    url: str
    current: bool
    count: str | int


@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    """Show the questions that this person may know of; to htmx only the list."""
    reader = signed_in(request)
    visible = DataRequest.objects.visible_to(reader)
    views = views_of(reader)
    view = next((each for each in views if each.key == request.GET.get("view")), views[0])
    found, chosen = _choose(request.GET, view.choose(visible, reader), reader)
    page = _page(found, view, request.GET.get("cursor"))
    context: dict[str, Any] = {
        "rows": rows(page.items, reader),
        "page": page,
        "view": view,
        "chosen": chosen,
        "query": urlencode(({"view": view.key} if view is not views[0] else {}) | chosen),
        "answers": reader.may(Permission.ANSWER_QUESTIONS),
    }
    template = "requests/requests.html"
    if wants_part(request):
        template += "#results"
    else:
        context |= _frame(reader, visible, views, view, page)
        context["is_empty"] = not page and not visible.exists()
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _frame(
    reader: User,
    visible: QuerySet[DataRequest],
    views: tuple[View, ...],
    current: View,
    page: Page[DataRequest],
) -> dict[str, Any]:
    # They may be a few seconds old, as the number beside the menu's entry is, unless this list has changed.
    seen = hash(tuple((question.pk, question.version) for question in page.items))
    counts, teams = kept(
        reader,
        f"questions:{current.key}:{seen}",
        COUNTED_FOR,
        lambda: (dict(counts_of(views, visible)), list(asking_teams(visible))),
    )
    tabs = [
        Tab(
            view.label,
            "?" if view is views[0] else f"?view={view.key}",
            view is current,
            capped(counts.get(view.key, 0), MOST_COUNTED) if view.counted is not None else "",
        )
        for view in views
    ]
    return {
        "tabs": tabs,
        "states": State.choices,
        "kinds": Kind.choices,
        "priorities": Priority.choices,
        "assignees": QuestionFilter.ASSIGNEES,
        "teams": teams,
        "may_triage": may_triage(reader),
        "people": answerers() if reader.may(Permission.ANSWER_QUESTIONS) else (),
    }


def _choose(
    data: QueryDict, questions: QuerySet[DataRequest], reader: User
) -> tuple[QuerySet[DataRequest], dict[str, Any]]:
    """Return what the filters leave, and their values; one that no list knows counts as not given."""
    if not any(map(data.get, QuestionFilter.base_filters)):
        return questions, {}
    found = QuestionFilter(data, queryset=questions, reader=reader)
    if not found.is_valid():
        clean = data.copy()
        for name in found.errors:
            clean.pop(name, None)
        found = QuestionFilter(clean, queryset=questions, reader=reader)
        found.is_valid()
    return found.qs, {name: value for name, value in found.form.cleaned_data.items() if value}


def _page(questions: QuerySet[DataRequest], view: View, cursor: str | None) -> Page[DataRequest]:
    listed: Any = questions
    listed = listed.for_rows()
    if view.order == WORK_ORDER:
        listed = listed.with_due()
    return keyset(listed, order=view.order, cursor=cursor, size=SHOWN)
