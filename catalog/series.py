"""Read a metric's series: which periods are complete, what the newest says, how it stands to its target."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from babel.dates import format_date
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.choices import Grain
from catalog.definitions import Direction, MetricDefinition
from catalog.models import Metric, MetricPoint
from portal.ui import formats

_MONTHS = {"en": "MMMM y", "ko": "y년 M월"}
_COARSEST_FIRST = (Grain.MONTH, Grain.WEEK, Grain.DAY)


def last_day_of(starts_on: dt.date, grain: str) -> dt.date:
    """Return the last day that belongs to a period."""
    if grain == Grain.MONTH:
        return (starts_on.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
    return starts_on + dt.timedelta(days=6 if grain == Grain.WEEK else 0)


def period(starts_on: dt.date, grain: str) -> str:
    """Name a period: «February 2013», «week of 4 February 2013», «8 February 2013»."""
    if grain == Grain.MONTH:
        return format_date(starts_on, _MONTHS[formats.language()], locale=formats.language())
    day = formats.day(starts_on)
    return _("week of {day}").format(day=day) if grain == Grain.WEEK else day


@dataclass(frozen=True, slots=True)
class Figure:
    """The number at the head of a metric: the newest complete period, beside target and comparison."""

    definition: MetricDefinition
    grain: str
    point: MetricPoint
    before: MetricPoint | None

    @property
    def period(self) -> str:
        """The period's name."""
        return period(self.point.starts_on, self.grain)

    @property
    def period_before(self) -> str:
        """The name of the period it is compared with; "" where there is none."""
        return period(self.before.starts_on, self.grain) if self.before else ""

    @property
    def value(self) -> float:
        """The value, in the metric's own unit."""
        return self.point.value or 0.0

    @property
    def target(self) -> float | None:
        """The target that held on the period's last day."""
        return self.definition.target_on(last_day_of(self.point.starts_on, self.grain))

    @property
    def gap(self) -> float | None:
        """Value less target."""
        return None if self.target is None else self.value - self.target

    @property
    def change(self) -> float | None:
        """Value less the value compared with."""
        if self.before is None or self.before.value is None:
            return None
        return self.value - self.before.value

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a target or where neither way is good."""
        if self.gap is None or self.definition.direction is Direction.BAND:
            return None
        return self.gap >= 0 if self.definition.direction is Direction.UP else self.gap <= 0

    @property
    def tone(self) -> str:
        """The tone of its state against the target."""
        return {True: "good", False: "warn", None: "neutral"}[self.is_met]

    @property
    def change_tone(self) -> str:
        """The tone of the change: good or bad by the metric's direction."""
        if not self.change or self.definition.direction is Direction.BAND:
            return "neutral"
        return "good" if (self.change > 0) == (self.definition.direction is Direction.UP) else "bad"


def points_of(metric: Metric | None, grain: str) -> QuerySet[MetricPoint]:
    """Return the points of one grain with the definition's version that each was computed by."""
    return MetricPoint.objects.filter(metric=metric, grain=grain).select_related("version")


def headline_grain(definition: MetricDefinition) -> Grain:
    """Return the grain of the headline figure: the coarsest one, since a single day is mostly noise."""
    return next(grain for grain in _COARSEST_FIRST if grain.value in definition.grains)


def complete(points: Sequence[MetricPoint], *, grain: str, known_until: dt.date | None) -> list[MetricPoint]:
    """Keep the points whose whole period is covered by data and over, oldest first."""
    if known_until is None:
        return []
    return [point for point in points if last_day_of(point.starts_on, grain) <= known_until]


def known_until(definition: MetricDefinition, newest_day: dt.date | None, now: dt.datetime) -> dt.date:
    """Return the last day that counts as complete: the newest day with data, and never today."""
    yesterday = now.astimezone(ZoneInfo(definition.time_zone)).date() - dt.timedelta(days=1)
    return min(newest_day, yesterday) if newest_day else yesterday


def figure_of(
    definition: MetricDefinition, points: Sequence[MetricPoint], *, grain: str, until: dt.date | None
) -> Figure | None:
    """Return the headline of a series (oldest first); None where no complete period has a value."""
    whole = [point for point in complete(points, grain=grain, known_until=until) if point.value is not None]
    if not whole:
        return None
    by_start = {point.starts_on: point for point in whole}
    newest = whole[-1]
    return Figure(definition, grain, newest, by_start.get(_compared(definition, newest.starts_on, grain)))


def _compared(definition: MetricDefinition, starts_on: dt.date, grain: str) -> dt.date:
    if definition.accessible.comparison == "year_ago":
        if grain == Grain.MONTH:
            return starts_on.replace(year=starts_on.year - 1)
        return starts_on - dt.timedelta(weeks=52)
    if grain == Grain.MONTH:
        return (starts_on - dt.timedelta(days=1)).replace(day=1)
    return starts_on - dt.timedelta(days=7 if grain == Grain.WEEK else 1)


@dataclass(frozen=True, slots=True)
class Glance:
    """A metric in one line of a list: its figure and the last values of the same grain."""

    figure: Figure
    values: list[float | None]


def glances(metrics: Sequence[Metric], *, most: int = 13) -> dict[int, Glance]:
    """Return the headline and the last values of these metrics, by asset id, in two queries for them all."""
    defined = {metric.pk: metric.version.parsed for metric in metrics if metric.version}
    if not defined:
        return {}
    grains = {pk: headline_grain(definition) for pk, definition in defined.items()}
    recent: dict[int, list[MetricPoint]] = {}
    for point in _recent(grains, most):
        recent.setdefault(point.metric_id, []).append(point)
    newest_days = _newest_days(list(defined))
    now = timezone.now()
    found: dict[int, Glance] = {}
    for pk, definition in defined.items():
        until = known_until(definition, newest_days.get(pk), now)
        points = recent.get(pk, [])
        figure = figure_of(definition, points, grain=grains[pk], until=until)
        if figure is not None:
            whole = complete(points, grain=grains[pk], known_until=until)
            found[pk] = Glance(figure, [point.value for point in whole])
    return found


def _recent(grains: dict[int, Grain], most: int) -> QuerySet[MetricPoint]:
    wanted = Q()
    for grain in set(grains.values()):
        wanted |= Q(grain=grain, metric_id__in=[pk for pk, own in grains.items() if own == grain])
    age = Window(RowNumber(), partition_by=[F("metric_id")], order_by=F("starts_on").desc())
    return MetricPoint.objects.filter(wanted).annotate(age=age).filter(age__lte=most).order_by("starts_on")


def _newest_days(metrics: list[int]) -> dict[int, dt.date]:
    days = MetricPoint.objects.filter(metric_id__in=metrics, grain=Grain.DAY)
    newest = days.order_by("metric_id", "-starts_on").distinct("metric_id")
    return dict(newest.values_list("metric_id", "starts_on"))
