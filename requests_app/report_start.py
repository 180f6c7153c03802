"""What a report would be that is made from an answer: its text, and each of its proofs as a section."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q

from catalog.choices import Grain
from catalog.models import Metric, MetricPoint
from jobs.choices import QUERY_JOB, REPORT_KIND
from jobs.definitions import JobDefinition
from jobs.models import Job, Run
from jobs.runners.report.config import MOST_SECTIONS
from portal.accounts.models import User
from portal.evidence.models import Evidence
from portal.search import hangul
from requests_app.choices import Visibility
from requests_app.models import Answer, DataRequest
from requests_app.proof import blocks_of

_LONGEST_TEXT: Final = 20_000
# How often a report comes whose metric is told by this period.
_RHYTHMS: Final = {Grain.DAY: "weekdays", Grain.WEEK: "weekly", Grain.MONTH: "monthly"}
_USUAL: Final = "weekly"


@dataclass(frozen=True, slots=True)
class Start:
    """The definition that the editor begins with, the suggested rhythm, and what could not be taken along.

    ``is_korean`` says that its words are Korean, and stand in the English fields too.
    """

    definition: JobDefinition
    rhythm: str
    left_out: int
    is_korean: bool


def start_of(question: DataRequest, answer: Answer, user: User) -> Start:
    """Return what a report of this answer begins with; what the person may not read is left out.

    A question that not everybody sees makes a private report.
    """
    blocks = blocks_of(question, answer, user)
    seen = [each for each in blocks if not each.hidden][: MOST_SECTIONS - 1]
    metrics = _metrics([each.evidence for each in seen], user)
    charts = _charts([each.evidence for each in seen])
    values = _shared([each.evidence for each in seen if each.evidence.pk not in metrics])
    is_korean = _is_korean(question.title) or _is_korean(answer.body)

    def told(field: str, words: str) -> dict[str, str]:
        # English has to stand there: whoever writes it on translates it.
        return {f"{field}_en": words, f"{field}_ko": words if is_korean else ""}

    sections: list[dict[str, Any]] = [
        {"kind": "text", "title_en": "", **told("text", answer.body.strip()[:_LONGEST_TEXT])}
    ]
    for each in seen:
        evidence, point = each.evidence, metrics.get(each.evidence.pk)
        if point is not None:
            sections.append({"kind": "metric", "metric": point.metric.asset.key, "grain": point.grain})
            continue
        own = {name: value for name, value in evidence.parameters.items() if name not in values}
        title = _free(each.citation.title, sections)
        section = {"kind": "query", **told("title", title), "sql": evidence.sql, "parameters": own}
        if chart := charts.get(evidence.run_id):
            section["chart"] = chart
        sections.append(section)
    origin = f"{question.label} {question.title}"[:5000]
    grains = [point.grain for point in metrics.values()]
    return Start(
        JobDefinition(
            # No key can be made of Hangul.
            key=_free_key(question.number) if is_korean else "",
            name_en=question.title[:200],
            name_ko=question.title[:200] if is_korean else "",
            description_en=origin,
            description_ko=origin if is_korean else "",
            kind=REPORT_KIND,
            config={**told("title", question.title[:200]), "sections": _told_apart(sections)},
            parameters_schema=_schema(values),
            owner_email=user.email,
            private=question.visibility != Visibility.COMPANY,
            schedules=None,
        ),
        _RHYTHMS.get(Grain(grains[0]), _USUAL) if grains else _USUAL,
        len(blocks) - len(seen),
        is_korean,
    )


def _is_korean(text: str) -> bool:
    return any(map(hangul.is_syllable, text))


def _free_key(number: int) -> str:
    stem = f"answer-{number}"
    taken = set(Job.objects.filter(key__startswith=stem).values_list("key", flat=True))
    names = (stem if count == 1 else f"{stem}-{count}" for count in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _metrics(evidence: list[Evidence], user: User) -> dict[Any, MetricPoint]:
    """Return, by evidence, a point of the metric that it stands for, as far as the person sees that.

    A refresh has taken the points along since: then the metric is known by its query, which stays the same.
    """
    asked = {each.sql for each in evidence if each.sql}
    points = (
        MetricPoint.objects.filter(
            Q(evidence__in=evidence) | Q(evidence__sql__in=asked), metric__in=Metric.objects.visible_to(user)
        )
        .select_related("metric__asset", "evidence")
        .order_by("evidence_id")
        .distinct("evidence_id")
    )
    by_evidence = {point.evidence_id: point for point in points}
    by_query = {point.evidence.sql: point for point in by_evidence.values()}
    found = {each.pk: by_evidence.get(each.pk) or by_query.get(each.sql) for each in evidence}
    return {key: point for key, point in found.items() if point is not None}


def _charts(evidence: list[Evidence]) -> dict[Any, dict[str, Any]]:
    """Return, by run, the chart that somebody chose for a query."""
    runs = Run.objects.filter(pk__in=[each.run_id for each in evidence], job__key=QUERY_JOB)
    return {run.pk: run.params["chart"] for run in runs if run.params.get("chart")}


def _shared(evidence: list[Evidence]) -> dict[str, Any]:
    """Return the parameters that have one value wherever they stand: they become the report's own."""
    values: dict[str, Any] = {}
    clash: set[str] = set()
    for each in evidence:
        for name, value in each.parameters.items():
            if values.setdefault(name, value) != value:
                clash.add(name)
    return {name: value for name, value in values.items() if name not in clash}


def _schema(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {**_type(value), "default": value} for name, value in values.items()},
        "additionalProperties": False,
        "x-order": list(values),
    }


def _type(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case list():
            return {"type": "array", "items": {"type": "string"}}
    return {"type": "string", "format": "date"} if _is_day(str(value)) else {"type": "string"}


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2013-01-01")


def _free(title: str, sections: list[dict[str, Any]]) -> str:
    """Return a title that no other section has."""
    taken = {section.get("title_en") for section in sections}
    names = (title if number == 1 else f"{title[:190]} ({number})" for number in range(1, MOST_SECTIONS + 1))
    return next(name for name in names if name not in taken)


def _told_apart(sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sections, a metric of one grain only once; a text that says nothing is none."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for section in sections:
        name = (section.get("metric", ""), section.get("grain", ""))
        if section["kind"] == "text" and not section["text_en"]:
            continue
        if section["kind"] != "metric" or name not in seen:
            kept.append(section)
        seen.add(name)
    return kept
