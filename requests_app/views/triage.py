"""The triage inbox: what waits on the left, one question on the right, one key for each decision."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.events import nodes
from portal.ui.htmx import wants_part
from requests_app.access import access_question, may_triage, placed_in
from requests_app.actions.triage import undoable
from requests_app.choices import AnswerStatus, LinkRole, State
from requests_app.due import Due, due_of
from requests_app.models import DataRequest
from requests_app.models.choosing import DataRequestQuerySet
from requests_app.routing import Candidate, Route, route_of
from requests_app.step_forms import StepForm
from requests_app.steps import Offer
from requests_app.suggestions import fitting, similar
from requests_app.transitions import Transition, find
from requests_app.views.question import head_of, link_groups

PAGE: Final = 30
_PAGES: Final = 20
_MOST: Final = 1000
# The keys of this page; what has no entry bears the key of the table.
_KEYS: Final = {"accept": "Enter", "mark_duplicate": "d m", "snooze": "s z"}
_BAR: Final = (
    "accept", "resume", "ask_back", "mark_duplicate", "decline", "wake", "snooze", "assign",
)  # fmt: skip
# The bar has room for a word each.
_SHORT: Final = {"mark_duplicate": gettext_lazy("Duplicate"), "resume": gettext_lazy("Go on")}
_PREFILLED: Final = ("kind", "impact", "urgency", "effort")


@dataclass(frozen=True, slots=True)
class Tab:
    """One list of the inbox."""

    key: str
    label: Promise | str
    url: str
    count: str
    current: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A question of the list."""

    question: DataRequest
    url: str
    due: Due | None
    current: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A step in the bar with the keys that press it."""

    offer: Offer
    keys: str

    @property
    def label(self) -> Promise | str:
        """The word on the button."""
        return _SHORT.get(self.offer.row.name, self.offer.label)

    @property
    def shown(self) -> str:
        """The key on the button."""
        first = self.keys.split(" ")[0]
        return "↵" if first == "Enter" else first.upper()


@dataclass(frozen=True, slots=True)
class Pick:
    """Something that is known already, and the one thing to do with it."""

    number: int
    label: str
    note: str
    url: str
    icon: str
    tone: str
    state: str
    action: str
    verb: str
    fields: dict[str, str]


@require_safe
@vary_on_headers("HX-Request")
def triage(request: HttpRequest) -> HttpResponse:
    """Show the inbox to those who triage; ``?question=`` or ``?place=`` says which question is open."""
    user = signed_in(request)
    waiting = _waiting(user)
    tab = request.GET.get("tab", "new")
    lists = _lists(waiting)
    tab = tab if tab in lists else "new"
    page = _number(request.GET.get("page"), most=_PAGES)
    found = list(lists[tab][page * PAGE : page * PAGE + PAGE + 1])
    shown = found[:PAGE]
    opened = _opened(request, user, shown)
    context: dict[str, Any] = {
        "tab": tab,
        "tabs": _tabs(lists, tab),
        "rows": _rows(shown, opened, tab, page),
        "next_page": page + 1 if len(found) > PAGE and page + 1 < _PAGES else None,
        "previous_page": page - 1 if page else None,
        "page_number": page,
        "reading": any(name in request.GET for name in ("question", "place")) and opened is not None,
        "undo": _undo(request, user),
    }
    if opened is not None:
        context |= _pane(opened, user, tab, shown)
    part = "requests/triage.html#inbox" if wants_part(request) else "requests/triage.html"
    return render(request, part, context)


def _waiting(user: User) -> DataRequestQuerySet:
    """Return what this person triages: everything, or the teams they are placed in; 403 for the others."""
    visible = DataRequest.objects.visible_to(user)
    if may_triage(user):
        return visible
    teams = placed_in(user)
    if not teams:
        raise PermissionDenied
    return visible.filter(on_behalf__in=teams)


def _lists(waiting: DataRequestQuerySet) -> dict[str, QuerySet[DataRequest]]:
    soonest = F("next_due_at").asc(nulls_last=True)
    return {
        "new": waiting.in_triage().for_list().order_by(soonest, "id"),
        "waits": waiting.awake().filter(state=State.NEEDS_INFO).for_list().order_by("state_since", "id"),
        "snoozed": waiting.open().snoozed().for_list().order_by("snoozed_until", "id"),
    }


def _tabs(lists: dict[str, QuerySet[DataRequest]], current: str) -> list[Tab]:
    labels = {
        "new": pgettext_lazy("question", "New"),
        "waits": gettext_lazy("Waits for asker"),
        "snoozed": gettext_lazy("Snoozed"),
    }
    made = []
    for key, waiting in lists.items():
        # Counted up to a limit: nobody reads more, and it keeps the page as fast as it is small.
        many = waiting.order_by()[:_MOST].count()
        url = f"{reverse('triage')}?{urlencode({'tab': key})}"
        made.append(Tab(key, labels[key], url, "999+" if many >= _MOST else str(many), key == current))
    return made


def _opened(request: HttpRequest, user: User, shown: list[DataRequest]) -> DataRequest | None:
    """Return the question to show: the one asked for, the one in its place, or the first."""
    asked = request.GET.get("question", "")
    if asked.isdecimal() and len(asked) < 19:
        return access_question(user, int(asked))
    if not shown:
        return None
    place = min(_number(request.GET.get("place"), most=_MOST), len(shown) - 1)
    return access_question(user, shown[place].number)


def _rows(shown: list[DataRequest], opened: DataRequest | None, tab: str, page: int) -> list[Row]:
    now = timezone.now()
    return [
        Row(
            question,
            _address(question, tab, page),
            due_of(question, now),
            opened is not None and question.pk == opened.pk,
        )
        for question in shown
    ]


def _address(question: DataRequest, tab: str, page: int) -> str:
    given = {"tab": tab, "question": question.number} | ({"page": page} if page else {})
    return f"{reverse('triage')}?{urlencode(given)}"


def _pane(opened: DataRequest, user: User, tab: str, shown: list[DataRequest]) -> dict[str, Any]:
    place = next((index for index, question in enumerate(shown) if question.pk == opened.pk), 0)
    head = head_of(opened, user)
    accept = find("accept", opened.state) if head["offers"].has("accept") else None
    beside = {index: shown[index] for index in (place - 1, place + 1) if 0 <= index < len(shown)}
    context = {
        **head,
        "place": place,
        "many": len(shown),
        "next": _address(beside[place + 1], tab, 0) if place + 1 in beside else "",
        "previous": _address(beside[place - 1], tab, 0) if place - 1 in beside else "",
        "bar": _keys(head["offers"].every, _BAR),
        "elsewhere": _keys(head["offers"].every, ("answer_with_existing",)),
        "links": link_groups(opened.links.all()[:50], user),
        "accept": _fields(accept, opened, user) if accept else None,
    }
    if accept is not None:
        route = route_of(opened)
        context |= {
            "picks": _picks(opened, user, head["beside"]),
            "route": route,
            "line": _line(route),
            "after": _after(route),
        }
    return context


def _keys(every: tuple[Offer, ...], names: tuple[str, ...]) -> list[Key]:
    by_name = {offer.row.name: offer for offer in every}
    return [Key(by_name[name], _KEYS.get(name, by_name[name].row.key)) for name in names if name in by_name]


def _fields(row: Transition, opened: DataRequest, user: User) -> list[Any]:
    form = StepForm(row, opened, user)
    form.fields["effort"].required = True
    return [form[name] for name in _PREFILLED]


def _picks(opened: DataRequest, user: User, beside: frozenset[str]) -> list[Pick]:
    """Return what is known already of the question's words, at most nine: one for each digit."""
    made = [
        given for other in similar(opened, user) if (given := _alike(opened, other, user, beside)) is not None
    ]
    made += _things(opened, user, beside)
    return [Pick(number, **given) for number, given in enumerate(made[:9], start=1)]


def _alike(
    opened: DataRequest, other: DataRequest, user: User, beside: frozenset[str]
) -> dict[str, Any] | None:
    """Return the one thing to do with a question that is alike: answer by it, or point to it."""
    answer = other.answer if other.answer is not None and other.answer.is_shown else None
    tone, status = (
        (answer.tone, str(answer.get_status_display())) if answer else (other.tone, other.state_for(user))
    )
    if answer is not None and answer.status == AnswerStatus.VERIFIED and "answer_with_existing" in beside:
        return _of_question(
            opened, other, tone, status, "answer_with_existing", _("Answer with it"), "answer"
        )
    if "mark_duplicate" in beside:
        return _of_question(opened, other, tone, status, "mark_duplicate", _("Duplicate"), "canonical")
    return None


def _of_question(
    opened: DataRequest, other: DataRequest, tone: str, status: str, name: str, verb: str, field: str
) -> dict[str, Any]:
    return {
        "label": other.title,
        "note": other.label,
        "url": reverse("question", args=[other.number]),
        "icon": "ask",
        "tone": tone,
        "state": status,
        "action": reverse("question_step", args=[opened.number, name]),
        "verb": verb,
        "fields": {field: other.label},
    }


def _things(opened: DataRequest, user: User, beside: frozenset[str]) -> list[dict[str, Any]]:
    if "link" not in beside:
        return []
    linked = {link.reference for link in opened.links.all()[:200]}
    wanted = [(asset.kind, asset.key) for asset in fitting(opened, user)]
    known = nodes.resolve((reference for reference in wanted if reference not in linked), user)
    return [
        {
            "label": node.label,
            "note": "",
            "url": node.url,
            "icon": node.icon,
            "tone": node.tone,
            "state": node.state,
            "action": reverse("question_step", args=[opened.number, "link"]),
            "verb": _("Link"),
            "fields": {"reference": ":".join(reference), "role": LinkRole.ABOUT.value},
        }
        for reference, node in known.items()
    ]


def _line(route: Route) -> Candidate | None:
    """Return how whoever is next in line stands."""
    if route.person is None:
        return None
    return next((each for each in route.line if each.user.pk == route.person.pk), None)


def _after(route: Route) -> str:
    """Return the name of whoever comes after them."""
    others = [each for each in route.line if each.free and each.user != route.person]
    return others[0].user.name if others else ""


def _undo(request: HttpRequest, user: User) -> str:
    """Return the address that takes the last step back, "" where there is none."""
    number = request.session.get("undo")
    if not isinstance(number, int):
        return ""
    question = DataRequest.objects.visible_to(user).filter(number=number).first()
    if question is None or undoable(question, user) is None:
        return ""
    return reverse("question_undo", args=[number])


def _number(text: str | None, *, most: int) -> int:
    return min(int(text), most) if text and text.isdecimal() and len(text) < 6 else 0
