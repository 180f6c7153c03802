"""The list of questions: what waits for whom, by views and filters that the address holds."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from portal.accounts.access import signed_in
from portal.accounts.kept import kept
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from portal.accounts.prepared import Prepared
from portal.ui.filtering import given_filters
from portal.ui.htmx import wants_part
from portal.ui.paging import Page, first_page, keyset
from portal.ui.templatetags.desk import capped
from requests_app.access import may_triage
from requests_app.choices import Kind, Priority, State
from requests_app.filters import (
    MOST_COUNTED,
    WORK_ORDER,
    QuestionFilter,
    View,
    asking_teams,
    counted_of,
    views_of,
)
from requests_app.models import DataRequest
from requests_app.models.choosing import DataRequestQuerySet
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
    views = views_of(reader)
    view = next((each for each in views if each.key == request.GET.get("view")), views[0])
    filters, chosen = given_filters(QuestionFilter, request.GET, reader=reader)
    page = _page(view, filters, chosen, request.GET.get("cursor"), reader)
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
        context |= _frame(reader, views, view, page)
        context["is_empty"] = not page and not DataRequest.objects.visible_to(reader).exists()
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _frame(reader: User, views: tuple[View, ...], current: View, page: Page[DataRequest]) -> dict[str, Any]:
    # They may be a few seconds old, as the number beside the menu's entry is, unless this list has changed.
    seen = hash(tuple((question.pk, question.version) for question in page.items))
    counts, teams = kept(
        reader,
        f"questions:{current.key}:{seen}",
        COUNTED_FOR,
        lambda: (Counter(key for (key,) in _COUNTED(user=reader)), _ASKING(user=reader)),
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
        "people": _PEOPLE() if reader.may(Permission.ANSWER_QUESTIONS) else (),
    }


def _page(
    view: View, filters: QuestionFilter | None, chosen: dict[str, Any], cursor: str | None, reader: User
) -> Page[DataRequest]:
    if not cursor and chosen.keys() <= _CHOICES:
        found = _FIRST(view.key, tuple(sorted(chosen.items())), user=reader)
        return first_page(found, order=view.order, size=SHOWN)
    listed: QuerySet[DataRequest] = _listed(view, reader)
    if filters is not None:
        listed = filters.filter_queryset(listed)
    return keyset(listed, order=view.order, cursor=cursor, size=SHOWN)


def _listed(view: View, reader: User) -> QuerySet[DataRequest]:
    chosen: Any = view.choose(DataRequest.objects.visible_to(reader), reader)
    listed: DataRequestQuerySet = chosen.for_rows()
    return listed.with_due() if view.order == WORK_ORDER else listed


def _first(key: str, chosen: tuple[tuple[str, str], ...], reader: User) -> QuerySet[DataRequest]:
    view = next(each for each in views_of(reader) if each.key == key)
    return _listed(view, reader).filter(**dict(chosen)).order_by(*view.order)[: SHOWN + 1]


def _counted(reader: User) -> QuerySet[DataRequest, tuple[str]]:
    return counted_of(views_of(reader), DataRequest.objects.visible_to(reader))


# The filters with so few values that the SQL of each is worth keeping.
_CHOICES: Final = {"state", "kind", "priority"}
_FIRST: Prepared[DataRequest] = Prepared(lambda key, chosen, *, user: _first(key, chosen, user))
_COUNTED: Prepared[tuple[str]] = Prepared(lambda *, user: _counted(user))
_ASKING: Prepared[Team] = Prepared(lambda *, user: asking_teams(DataRequest.objects.visible_to(user)))
_PEOPLE: Prepared[User] = Prepared(answerers)
