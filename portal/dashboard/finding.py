"""Find anything by a few words: places to go, things of the catalog, jobs, runs by number.

The page «Search» and the command palette show the same answer.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from catalog.choices import AssetKind
from catalog.filters import Hit, search
from catalog.models import Asset
from jobs.choices import RunState
from jobs.filters import JobFilter
from jobs.kinds import kind_of
from jobs.models import Job, Run
from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.search import Matches, Query
from portal.search.analysis import normal
from portal.ui import navigation
from requests_app.models import DataRequest

LONGEST: Final = 200
PLACES_SHOWN: Final = 4
ASSETS_SHOWN: Final = 8
JOBS_SHOWN: Final = 4
QUESTIONS_SHOWN: Final = 5
QUESTIONS_READ: Final = 30
_NUMBER: Final = re.compile(r"#?\s*(\d{1,18})")
_QUESTION: Final = re.compile(r"(?:REQ-|#)?\s*(\d{1,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was found; ``sub`` are the words below its name, ``key`` how it is typed in full."""

    label: str
    url: str
    icon: str
    sub: str = ""
    key: str = ""
    tone: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Entries of one sort under their heading; ``more`` leads to the rest."""

    name: str
    label: str
    entries: list[Entry]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do that has a page of its own; shown to those who hold the permission."""

    label: str | Promise
    route: str
    icon: str
    permission: Permission | None = None


COMMANDS: Final = (
    Command(gettext_lazy("Ask a question"), "ask", "ask", Permission.ASK_QUESTIONS),
    Command(gettext_lazy("Triage"), "triage", "inbox", Permission.TRIAGE_QUESTIONS),
    Command(gettext_lazy("Inbox"), "inbox", "bell"),
    Command(gettext_lazy("All runs"), "runs", "play", Permission.VIEW_JOBS),
    Command(gettext_lazy("A day’s runs"), "runs_day", "calendar", Permission.VIEW_JOBS),
    Command(gettext_lazy("Add a person"), "person_add", "people", Permission.MANAGE_PEOPLE),
    Command(gettext_lazy("Add a team"), "team_add", "people", Permission.MANAGE_PEOPLE),
    Command(gettext_lazy("Make an API token"), "token_add", "key", Permission.USE_TOKENS),
    Command(gettext_lazy("Your profile"), "profile", "user"),
    Command(gettext_lazy("API tokens"), "tokens", "key", Permission.USE_TOKENS),
    Command(gettext_lazy("Sessions"), "sessions", "lock"),
)


def found(request: HttpRequest, text: str) -> list[Group]:
    """Return what the reader may see of what the words name, groups without entries left out.

    Without words these are the places to go, so that an empty palette is a menu.
    """
    user, text = signed_in(request), text.strip()[:LONGEST]
    groups = (_places(request, user, text), *(_things(user, text) if text else ()))
    return [group for group in groups if group.entries]


def _things(user: User, text: str) -> Iterator[Group]:
    yield Group("runs", _("Runs"), list(_run_of(user, text)))
    yield Group(
        "questions", _("Questions"), list(_questions(user, text)), _link("requests", text, view="all")
    )
    if not Query(text):
        return
    hits = search(Asset.objects.visible_to(user), text, most=ASSETS_SHOWN)
    more = _link("catalog", text) if hits.total > len(hits.hits) else ""
    yield Group("catalog", _("Metrics and datasets"), [_asset(hit) for hit in hits.hits], more)
    jobs = JobFilter({"q": text}, queryset=Job.objects.visible_to(user)).qs[: JOBS_SHOWN + 1]
    more = _link("jobs", text) if len(jobs) > JOBS_SHOWN else ""
    yield Group("jobs", _("Jobs"), list(_jobs(jobs[:JOBS_SHOWN], user)), more)
    if user.may(Permission.ASK_QUESTIONS):
        words = _("Ask: {words}").format(words=text)
        yield Group("ask", _("Not found?"), [Entry(words, reverse("ask", query={"title": text}), "ask")])


def _link(route: str, text: str, **more: str) -> str:
    return reverse(route, query={**more, "q": text})


def _places(request: HttpRequest, user: User, text: str) -> Group:
    places = [Entry(str(item.label), item.url, item.icon) for item in navigation.items(request)]
    places += [
        Entry(str(command.label), reverse(command.route), command.icon)
        for command in COMMANDS
        if command.permission is None or user.may(command.permission)
    ]
    if not text:
        return Group("places", _("Go to"), places)
    english = _in_english(request, user)
    wanted = [word for word in map(normal, text.split()) if word]
    fitting = [
        place
        for place in places
        if wanted and (_fits(wanted, place.label) or _fits(wanted, english.get(place.url, "")))
    ]
    return Group("places", _("Go to"), fitting[:PLACES_SHOWN])


def _in_english(request: HttpRequest, user: User) -> dict[str, str]:
    """Return the places' English names: who reads Korean may still type «jobs»."""
    with override("en"):
        names = {item.url: str(item.label) for item in navigation.items(request)}
        return names | {reverse(command.route): str(command.label) for command in COMMANDS}


def _fits(wanted: Iterable[str], label: str) -> bool:
    """Say whether each typed word begins a word of the label."""
    words = [normal(word) for word in label.split()]
    return all(any(word.startswith(start) for word in words) for start in wanted)


def _run_of(user: User, text: str) -> Iterator[Entry]:
    number = _NUMBER.fullmatch(text)
    if number is None:
        return
    for run in Run.objects.visible_to(user).filter(number=int(number[1])).select_related("job"):
        shown = RunState(run.state)
        yield Entry(
            _("Run {number}").format(number=run.number),
            reverse("run", args=[run.number]),
            "play",
            sub=run.job.name,
            tone=shown.tone,
            state=str(shown.label),
        )


def _questions(user: User, text: str) -> Iterator[Entry]:
    """Yield the question of this number, else those whose titles or texts hold the words, answered first."""
    visible = DataRequest.objects.visible_to(user).for_list()
    number = _QUESTION.fullmatch(text)
    if number is not None:
        found = list(visible.filter(number=int(number[1])))
    else:
        query = Query(text)
        holds = visible.filter(Matches("search", query.all)) if query else visible.none()
        newest = holds.order_by("-id")[:QUESTIONS_READ]
        found = sorted(newest, key=lambda question: (question.answer_id is None, -question.pk))[
            :QUESTIONS_SHOWN
        ]
    for question in found:
        yield Entry(
            question.title,
            reverse("question", args=[question.number]),
            "ask",
            key=question.label,
            tone=question.tone,
            state=question.state_for(user),
        )


def _asset(hit: Hit) -> Entry:
    asset = hit.asset
    is_metric = asset.kind == AssetKind.METRIC
    certified = asset.certification == "certified"
    return Entry(
        asset.name,
        reverse("metric" if is_metric else "dataset", args=[asset.key]),
        "metric" if is_metric else "data",
        sub=asset.description,
        key=asset.key,
        tone="good" if certified else "",
        state=asset.get_certification_display() if certified else "",
    )


def _jobs(jobs: Iterable[Job], user: User) -> Iterator[Entry]:
    jobs = list(jobs)
    found = Job.objects.filter(pk__in=[job.pk for job in jobs]).allowing(user, Permission.RUN_JOBS)
    runnable = set(jobs if user.may(Permission.RUN_JOBS) else found)
    for job in jobs:
        yield Entry(
            job.name, reverse("job", args=[job.key]), kind_of(job.kind).icon, job.description, job.key
        )
        if job in runnable and job.enabled:
            yield Entry(_("Run {job}…").format(job=job.name), reverse("job_run", args=[job.key]), "play")
