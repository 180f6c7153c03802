"""The evidence behind an answer: what is cited, and what could be."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from catalog.definitions import Unit
from catalog.filters import search
from catalog.models import Asset, Dataset, Metric
from catalog.series import glances
from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.evidence.blocks import Block, Origin, blocks
from portal.evidence.models import Citation, CitationQuerySet, Evidence
from requests_app.access import Cited
from requests_app.models import Answer, DataRequest

METRICS_SHOWN = 6
_CITED: Prepared[Citation] = Prepared(
    lambda kind, *, key: Citation.objects.about(kind, key).select_related("evidence", "evidence__result")
)
_SEEN: Prepared[tuple[str, str, int | None]] = Prepared(
    lambda *, user, tables: (
        Dataset.objects.visible_to(user)
        .filter(physical_name__in=tables)
        .values_list("physical_name", "asset__key", "snapshot")
    )
)


@dataclass(frozen=True, slots=True)
class Citable:
    """A metric whose shown value can stand behind an answer."""

    key: str
    name: str
    period: str
    value: float
    unit: Unit
    evidence: Evidence


def citations_of(answer: Answer) -> CitationQuerySet:
    """Return what stands behind an answer, in its order."""
    return Citation.objects.about(*answer.reference)


def blocks_of(question: DataRequest, answer: Answer, user: User) -> list[Block]:
    """Return the evidence of an answer that the question shows, as this person may read it."""
    kind, key = answer.reference
    return _blocks(_CITED(kind, key=key), question, user)


def block_of(cited: Cited, user: User) -> Block:
    """Return the block of one cited evidence."""
    return _blocks([cited.citation], cited.question, user)[0]


def page_of(cited: Cited) -> str:
    """Return where the evidence stands: on its question's page, or beside the draft."""
    name = "question" if cited.answer.is_shown else "question_answer"
    return f"{reverse(name, args=[cited.question.number])}#evidence-{cited.citation.pk}"


def _blocks(cited: list[Citation], question: DataRequest, user: User) -> list[Block]:
    tables = {table for each in cited for table in each.evidence.tables}
    seen = _SEEN(user=user, tables=tables) if tables else []
    origins = {name: Origin(("dataset", key), snapshot) for name, key, snapshot in seen}
    return blocks(
        cited,
        reader=user,
        origins=origins,
        url=lambda each: reverse("question_evidence", args=[question.number, each.pk]),
        # A table that no dataset describes is nobody's to show.
        hidden=tables - origins.keys(),
    )


def metrics_for(question: DataRequest, user: User, words: str = "") -> list[Citable]:
    """Return metrics with a value that fit the words.

    Without words: the linked ones, then those that fit the question's title, else the first by name.
    """
    visible = Asset.objects.visible_to(user).filter(kind="metric")
    keys: list[str] = []
    if not words:
        keys = list(question.links.filter(kind="metric").values_list("key", flat=True)[:METRICS_SHOWN])
    keys += [hit.asset.key for hit in search(visible, words or question.title, most=METRICS_SHOWN).hits]
    if not keys and not words:
        keys = list(visible.order_by("name_en").values_list("key", flat=True)[:METRICS_SHOWN])
    return citable(list(dict.fromkeys(keys))[:METRICS_SHOWN], user)


def citable(keys: Iterable[str], user: User) -> list[Citable]:
    """Return these metrics as far as the person sees them and they have a value, in the order of the keys."""
    keys = list(keys)
    metrics = list(
        Metric.objects.visible_to(user)
        .select_related("asset", "version")
        .filter(asset__key__in=keys, asset__kind="metric")
    )
    shown = glances(metrics)
    found = {
        metric.asset.key: Citable(
            metric.asset.key,
            metric.asset.name,
            shown[metric.pk].figure.period,
            shown[metric.pk].figure.value,
            shown[metric.pk].figure.definition.unit,
            shown[metric.pk].figure.point.evidence,
        )
        for metric in metrics
        if metric.pk in shown
    }
    return [found[key] for key in keys if key in found]
