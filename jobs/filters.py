"""Filters of the lists of jobs and runs; pages and API share them, and the URL holds them."""

from collections.abc import Collection
from datetime import date
from typing import Any, Final, cast

import django_filters
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from jobs.choices import Condition, RunState, Trigger
from jobs.models import Alert, Job, Run
from jobs.models.job import JobQuerySet
from jobs.models.run import RunQuerySet
from portal.accounts.access import signed_in
from portal.accounts.models import Team, User
from portal.matching import patterns_of
from portal.ui.days import begin_of, end_of
from portal.ui.filtering import given_filters

_SETS: Final[dict[str, frozenset[RunState]]] = {"unhappy": RunState.unhappy(), "open": RunState.open()}
_MOST_PEOPLE: Final = 50


def set_of(state: str) -> str:
    """Return the set that a state belongs to, or is itself: «open», «unhappy», or none of them."""
    return state if state in _SETS else next((name for name, held in _SETS.items() if state in held), "")


def states_of(state: str) -> frozenset[str]:
    """Return the states of a set, or the one state itself."""
    return _SETS.get(state, frozenset({state}))


def by_last_run(jobs: JobQuerySet, states: Collection[str]) -> JobQuerySet:
    """Keep the jobs whose last run is in one of these states."""
    last = Run.objects.filter(job=OuterRef("pk")).order_by("-id").values("state")[:1]
    return jobs.alias(last_state=Subquery(last)).filter(last_state__in=states)


class JobFilter(django_filters.FilterSet):
    """Choose jobs by the state of their last run, kind, owner, team and words."""

    STATES = [("unhappy", _("Failing")), ("open", _("Running or queued")), *RunState.choices]

    q = django_filters.CharFilter(method="by_words", max_length=100)
    state = django_filters.ChoiceFilter(method="by_state", choices=STATES)
    kind = django_filters.CharFilter(field_name="kind", max_length=30)
    owner = django_filters.NumberFilter(field_name="owner_id", min_value=1, max_value=2**31)
    team = django_filters.CharFilter(field_name="team__key", max_length=50)

    class Meta:
        model = Job
        fields: list[str] = []

    def by_words(self, jobs: JobQuerySet, _name: str, words: str) -> QuerySet[Job]:
        """Keep the jobs whose key, names or descriptions hold every word."""
        return jobs.matching(patterns_of(words))

    def by_state(self, jobs: JobQuerySet, _name: str, state: str) -> QuerySet[Job]:
        """Keep the jobs whose last run is in the state, or in one of the set."""
        return by_last_run(jobs, states_of(state))


class RunFilter(django_filters.FilterSet):
    """Choose runs by job, state, trigger and time of creation."""

    job = django_filters.CharFilter(field_name="job__key", max_length=100)
    # A run has one state, so that none comes twice: DISTINCT would sort all of them, with all their columns.
    state = django_filters.MultipleChoiceFilter(choices=RunState.choices, distinct=False)
    trigger = django_filters.ChoiceFilter(choices=Trigger.choices)
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Run
        fields: list[str] = []


class RunListFilter(django_filters.FilterSet):
    """Choose runs of all jobs by state, job, person, start and days; ``request`` says who reads."""

    STATES = [("open", _("Running or queued")), ("unhappy", _("Failed in any way")), *RunState.choices]

    q = django_filters.CharFilter(method="by_job", max_length=100)
    job = django_filters.CharFilter(method="by_key", max_length=100)
    state = django_filters.ChoiceFilter(method="by_state", choices=STATES)
    mine = django_filters.BooleanFilter(method="by_reader")
    by = django_filters.CharFilter(method="by_person", max_length=100)
    trigger = django_filters.ChoiceFilter(choices=Trigger.choices)
    since = django_filters.DateFilter(method="from_day")
    until = django_filters.DateFilter(method="to_day")
    aside = django_filters.BooleanFilter(method="as_they_are")

    class Meta:
        model = Run
        fields: list[str] = []

    def by_key(self, runs: RunQuerySet, _name: str, key: str) -> QuerySet[Run]:
        """Keep the runs of one job."""
        # Read first: the planner knows how many runs a job's number has, and not how many a key.
        return runs.filter(job=Job.objects.filter(key=key).values_list("pk", flat=True).first() or 0)

    def by_job(self, runs: RunQuerySet, _name: str, words: str) -> QuerySet[Run]:
        """Keep the runs of the jobs that the list of jobs finds by these words."""
        jobs = Job.objects.visible_to(self._reader).matching(patterns_of(words))
        # Read first, as above.
        return runs.filter(job__in=list(jobs.values_list("pk", flat=True)))

    def by_state(self, runs: RunQuerySet, _name: str, state: str) -> QuerySet[Run]:
        """Keep the runs in the state, or in one of the set."""
        return runs.filter(state=state) if state not in _SETS else runs.filter(state__in=_SETS[state])

    def by_reader(self, runs: RunQuerySet, _name: str, mine: bool) -> QuerySet[Run]:
        """Keep what the reader asked for; «false» asks for nothing special."""
        return runs.filter(requested_by=self._reader) if mine else runs

    def by_person(self, runs: RunQuerySet, _name: str, words: str) -> QuerySet[Run]:
        """Keep what people asked for whose names hold the words."""
        people = User.objects.filter(name__icontains=words.strip()).order_by("pk")
        return runs.filter(requested_by__in=list(people.values_list("pk", flat=True)[:_MOST_PEOPLE]))

    def from_day(self, runs: RunQuerySet, _name: str, day: date) -> QuerySet[Run]:
        """Keep what was asked for on this day of the reader's zone, or later."""
        return runs.filter(created_at__gte=begin_of(day))

    def to_day(self, runs: RunQuerySet, _name: str, day: date) -> QuerySet[Run]:
        """Keep what was asked for before the end of this day."""
        return runs.filter(created_at__lt=end_of(day))

    def as_they_are(self, runs: RunQuerySet, _name: str, _value: bool) -> QuerySet[Run]:
        """Leave ``aside`` to filter_queryset, which also knows when it was not given."""
        return runs

    def filter_queryset(self, queryset: QuerySet[Run]) -> QuerySet[Run]:
        """Keep what was chosen."""
        found = cast("RunQuerySet", super().filter_queryset(queryset))
        return found if self.form.cleaned_data["aside"] else found.ordinary()

    @property
    def _reader(self) -> User:
        return signed_in(cast("HttpRequest", self.request))


class AlertFilter(django_filters.FilterSet):
    """Choose alerts by job, the job's kind, condition and state; without a state those that are open."""

    STATES = [("open", _("Open")), ("closed", _("Closed")), ("any", _("Any"))]

    job = django_filters.CharFilter(field_name="job__key", max_length=100)
    kind = django_filters.CharFilter(field_name="job__kind", max_length=30)
    condition = django_filters.MultipleChoiceFilter(choices=Condition.choices)
    state = django_filters.ChoiceFilter(
        method="as_they_are", choices=STATES, help_text="Open ones where it is not given."
    )

    class Meta:
        model = Alert
        fields: list[str] = []

    def as_they_are(self, alerts: QuerySet[Alert], _name: str, _state: str) -> QuerySet[Alert]:
        """Leave the state to filter_queryset, which also knows when none was given."""
        return alerts

    def filter_queryset(self, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        """Keep what was chosen."""
        found = super().filter_queryset(queryset)
        state = self.form.cleaned_data["state"] or "open"
        return found if state == "any" else found.filter(closed_at__isnull=state == "open")


class DayFilter(django_filters.FilterSet):
    """Choose the runs of a day by job, queue and state."""

    job = django_filters.CharFilter(field_name="job__key", max_length=100)
    pool = django_filters.CharFilter(field_name="pool__key", max_length=50)
    state = django_filters.ChoiceFilter(choices=RunState.choices)

    class Meta:
        model = Run
        fields: list[str] = []


def choose(
    kind: type[django_filters.FilterSet], data: QueryDict, queryset: Any
) -> tuple[Any, dict[str, Any]]:
    """Return the filtered queryset and the values that counted; without filters it is the queryset itself."""
    found, values = given_filters(kind, data, queryset=queryset)
    return (queryset if found is None else found.qs), values


def owners_of(jobs: JobQuerySet) -> QuerySet[User]:
    """Return the owners of these jobs only, so that the choices tell of nothing else."""
    return User.objects.filter(jobs__in=jobs).distinct().order_by("name")


def teams_of(jobs: JobQuerySet) -> QuerySet[Team]:
    """Return the teams of these jobs only."""
    return Team.objects.filter(jobs__in=jobs).distinct()
