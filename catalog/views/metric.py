"""The metric's pages: its number with trend, origin and evidence; and its definition."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from catalog import wording
from catalog.access import access_metric, backup_of, readable
from catalog.charts import ChartPoint, line_of
from catalog.choices import ChartLayout, Grain, NodeKind
from catalog.definitions import Difference, MetricDefinition, difference
from catalog.lineage import Neighbour, Step, node_of, step_around
from catalog.models import Metric, MetricPoint
from catalog.scoring import score
from catalog.series import Figure, figure_of, glances, headline_grain, known_until, period
from catalog.verification import checked, under_way
from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.discussion.threads import teaser
from portal.events import nodes
from portal.ui import formats, vega
from portal.ui.htmx import wants_part
from portal.ui.templatetags.desk import goal, measured

# So many periods in the table behind the drawing, the newest first.
MOST_ROWS = 400


@dataclass(frozen=True, slots=True)
class Drawing:
    """The series of one grain as its refresh drew it, and the same in numbers."""

    wide: SafeString
    narrow: SafeString
    points: dict[str, Any] | None
    legend: list[dict[str, str]]
    columns: list[str]
    rows: list[list[str]]


@require_safe
@vary_on_headers("HX-Request")
def metric(request: HttpRequest, key: str) -> HttpResponse:
    """Show the newest complete figure, the trend, where it comes from, and whom it concerns.

    While a verification runs, the page asks for that part of itself again and again.
    """
    user = signed_in(request)
    found = access_metric(user, key)
    if request.GET.get("part") == "verification" and wants_part(request):
        return _verification_part(request, found, user)
    context: dict[str, Any] = {
        "metric": found,
        "asset": found.asset,
        "may_edit": user.may(Permission.EDIT_CATALOG),
        "discussion": teaser(("metric", found.asset.key), user),
        "versions": found.versions.select_related("created_by")[:10],
    }
    if found.version is None:
        return render(request, "catalog/metric.html", context)
    definition = found.version.parsed
    grain = _grain(request, definition)
    series = _series(found, grain)
    figure = _figure(found, definition, grain, series)
    drawing = _drawing(found, definition, grain, series)
    step = step_around(NodeKind.METRIC, key, user)
    context |= {
        "definition": definition,
        "unit": definition.unit,
        "grain": grain,
        "grains": _grains(definition, grain),
        "figure": figure,
        "drawing": drawing,
        "chain": _chain(found, step, user),
        "feeds": step.downstream,
        "thresholds": _thresholds(definition),
        "direction": wording.DIRECTIONS[definition.direction],
        "backup": backup_of(definition),
        "score": score(
            found,
            has_values=figure is not None,
            has_chart=bool(drawing and drawing.wide),
            upstream_known=bool(step.of_kind(NodeKind.DATASET)),
        ),
        "evidence": figure.point.evidence if figure else None,
        "run": _run(figure, user),
        **_verification(found, figure, user),
    }
    return render(request, "catalog/metric.html", context)


def _verification_part(request: HttpRequest, found: Metric, user: User) -> HttpResponse:
    glance = glances([found]).get(found.pk)
    figure = glance.figure if glance else None
    context = {
        "metric": found,
        "figure": figure,
        "unit": found.version.parsed.unit if found.version else None,
        "swap": True,
        **_verification(found, figure, user),
    }
    return render(request, "catalog/parts/verification.html", context)


def _verification(found: Metric, figure: Figure | None, user: User) -> dict[str, Any]:
    if figure is None:
        return {}
    node = under_way(figure.point.evidence_id, user)
    return {"checked": checked(found, figure), "under_way": node}


@require_safe
def metric_definition(request: HttpRequest, key: str) -> HttpResponse:
    """Show what the number means: in words, as SQL, and as it is kept."""
    user = signed_in(request)
    found = access_metric(user, key)
    context: dict[str, Any] = {"metric": found, "asset": found.asset}
    if found.version is not None:
        definition = found.version.parsed
        shown = readable(definition)
        dataset = (NodeKind.DATASET.value, definition.dataset)
        context |= {
            "definition": definition,
            "people": shown,
            "dataset": nodes.resolve([dataset], user).get(dataset),
            "computation": wording.computation(definition),
            "direction": wording.DIRECTIONS[definition.direction],
            "thresholds": _thresholds(definition),
            "grains": [Grain(grain).label for grain in definition.grains],
            "compiled": _compiled(found, definition),
            "as_kept": json.dumps(shown, indent=2, ensure_ascii=False),
            **_since(request, found, definition),
        }
    return render(request, "catalog/metric_definition.html", context)


def _since(request: HttpRequest, found: Metric, definition: MetricDefinition) -> dict[str, Any]:
    """Return where the definition differs from the version that the address names."""
    asked = request.GET.get("since", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0
    before = found.versions.filter(number=number).first() if number else None
    if before is None:
        return {}
    differences: list[Difference] = difference(before.parsed, definition)
    return {"since": before, "differences": differences}


def _grain(request: HttpRequest, definition: MetricDefinition) -> Grain:
    asked = request.GET.get("grain", "")
    return Grain(asked if asked in definition.grains else _default(definition))


def _default(definition: MetricDefinition) -> str:
    preferred = definition.accessible.default_grain
    return preferred if preferred in definition.grains else definition.grains[0]


def _grains(definition: MetricDefinition, current: Grain) -> list[dict[str, Any]]:
    return [
        {"label": grain.label, "url": f"?grain={grain.value}", "current": grain is current}
        for grain in Grain
        if grain.value in definition.grains
    ]


def _series(metric: Metric, grain: Grain) -> list[MetricPoint]:
    return list(metric.points.filter(grain=grain).order_by("starts_on"))


def _figure(
    metric: Metric, definition: MetricDefinition, grain: Grain, series: Sequence[MetricPoint]
) -> Figure | None:
    headline = headline_grain(definition)
    points = series if grain is headline else _series(metric, headline)
    until = known_until(definition, _newest_day(metric, grain, series), timezone.now())
    figure = figure_of(definition, points, grain=headline, until=until)
    if figure is not None:
        # The one evidence of the series, without reading it for each point.
        figure.point.evidence = _with_evidence(metric.points).get(pk=figure.point.pk).evidence
    return figure


def _newest_day(metric: Metric, grain: Grain, series: Sequence[MetricPoint]) -> dt.date | None:
    if grain is Grain.DAY:
        return series[-1].starts_on if series else None
    days = metric.points.filter(grain=Grain.DAY).order_by("-starts_on")
    return days.values_list("starts_on", flat=True).first()


def _with_evidence(points: Any) -> QuerySet[MetricPoint]:
    found: QuerySet[MetricPoint] = points.select_related("evidence")
    return found


def _drawing(
    metric: Metric, definition: MetricDefinition, grain: Grain, series: Sequence[MetricPoint]
) -> Drawing | None:
    if not series:
        return None
    language = formats.language()
    drawn = {
        (chart.language, chart.layout): chart.svg
        for chart in metric.charts.filter(grain=grain, language__in={language, "en"})
    }
    # Drawn by the refresh from our own numbers and cleaned by portal.ui.vega, hence safe.
    wide, narrow = (
        drawn.get((language, layout)) or drawn.get(("en", layout), "")
        for layout in (ChartLayout.WIDE.value, ChartLayout.NARROW.value)
    )
    valued = [point for point in series if point.value is not None]
    names = [period(point.starts_on, grain) for point in valued]
    values = _spoken(valued, definition, grain)
    return Drawing(
        mark_safe(wide),  # noqa: S308 - see above
        mark_safe(narrow),  # noqa: S308 - see above
        vega.points(wide=wide, narrow=narrow, names=names, values=values) if wide else None,
        _legend(definition, grain),
        [_("Period"), _("Value"), _("Rows")],
        [
            [
                period(point.starts_on, grain),
                measured(point.value, definition.unit),
                formats.number(point.sample) if point.sample is not None else formats.DASH,
            ]
            for point in reversed(series[-MOST_ROWS:])
        ],
    )


def _spoken(valued: Sequence[MetricPoint], definition: MetricDefinition, grain: Grain) -> list[list[str]]:
    """Return what the crosshair says at each point: first what its dot stands on, then the rest."""
    averaged = grain is Grain.DAY and definition.accessible.chart != "bar"
    if not averaged:
        return [[measured(point.value, definition.unit), _rows(point.sample)] for point in valued]
    points = [ChartPoint(point.starts_on, point.value, point.sample) for point in valued]
    return [
        [
            _("%(value)s in 7 days") % {"value": measured(mean.value, definition.unit)},
            _("%(value)s on this day") % {"value": measured(point.value, definition.unit)},
            _rows(point.sample),
        ]
        for point, mean in zip(valued, line_of(points, definition, grain), strict=True)
    ]


def _legend(definition: MetricDefinition, grain: Grain) -> list[dict[str, str]]:
    if definition.accessible.chart == "bar":
        return []
    if grain is not Grain.DAY:
        entries = [
            {
                "kind": "line",
                "tone": "",
                "label": _("Value by week") if grain is Grain.WEEK else _("Value by month"),
            }
        ]
    else:
        entries = [
            {"kind": "line", "tone": "", "label": _("7-day average")},
            {"kind": "dot", "tone": "neutral", "label": _("One day")},
        ]
        if definition.actionable.thresholds:
            entries.append({"kind": "dot", "tone": "bad", "label": _("Beyond the warning")})
    if definition.actionable.targets:
        entries.append({"kind": "dash", "tone": "good", "label": _("Target")})
    return entries


def _rows(sample: int | None) -> str:
    if sample is None:
        return ""
    return ngettext("{count} row", "{count} rows", sample).format(count=formats.number(sample))


def _chain(metric: Metric, step: Step, user: User) -> list[list[Any]]:
    """Return jobs → datasets → other metrics → metric, as far as this person may know of them."""
    datasets = step.of_kind(NodeKind.DATASET)
    before: list[Neighbour] = []
    for dataset in datasets:
        before += step_around(NodeKind.DATASET, dataset.key, user).of_kind(NodeKind.JOB)
    jobs = list({(each.kind, each.key): each for each in before}.values())
    ranks = [jobs, datasets, step.of_kind(NodeKind.METRIC)]
    return [*filter(None, ranks), [node_of(metric.asset)]]


def _thresholds(definition: MetricDefinition) -> list[dict[str, str]]:
    grain = _default(definition)
    tones = {"warn": "warn", "critical": "bad"}
    return [
        {
            "tone": tones[limit.level],
            "label": _("Warning") if limit.level == "warn" else _("Alarm"),
            "words": wording.threshold(limit, goal(limit.value, definition.unit), grain),
        }
        for limit in definition.actionable.thresholds
    ]


def _run(figure: Figure | None, user: User) -> Any:
    if figure is None or figure.point.evidence.run_id is None:
        return None
    run = ("run", str(figure.point.evidence.run_id))
    return nodes.resolve([run], user).get(run)


def _compiled(metric: Metric, definition: MetricDefinition) -> list[tuple[str, str]]:
    """Return the SQL of each grain as it last ran."""
    newest = _with_evidence(metric.points).order_by("grain", "-starts_on").distinct("grain")
    by_grain = {point.grain: point.evidence.sql for point in newest}
    return [(str(Grain(grain).label), by_grain[grain]) for grain in definition.grains if grain in by_grain]
