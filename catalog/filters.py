"""Find things of the catalog: by filters in the address and by words."""

from dataclasses import dataclass
from typing import Any, cast

import django_filters
from django.db.models import Func, QuerySet, TextField
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.choices import AssetKind, Certification
from catalog.models import Asset, Column
from portal.accounts.access import signed_in
from portal.accounts.models import Team, User
from portal.search import Candidate, Matches, Query, Stage, ranked

MOST_HITS = 50
_OPTIONS = 60


# Only owners and teams of what the reader sees, so that the choices tell of nothing else.
def _people(request: HttpRequest | None) -> Any:
    if request is None:
        return User.objects.none()
    return owners_of(Asset.objects.visible_to(signed_in(request)))


def _teams(request: HttpRequest | None) -> Any:
    if request is None:
        return Team.objects.none()
    return teams_of(Asset.objects.visible_to(signed_in(request)))


class AssetFilter(django_filters.FilterSet):
    """The filters of a list of assets; ``q`` is not among them, since words also decide the order."""

    kind = django_filters.ChoiceFilter(choices=AssetKind.choices, label=_("Kind"), empty_label=_("All kinds"))
    tag = django_filters.CharFilter(method="tagged", label=_("Tag"), max_length=50)
    owner = django_filters.ModelChoiceFilter(
        queryset=cast("Any", _people), label=_("Owner"), empty_label=_("Any owner")
    )
    team = django_filters.ModelChoiceFilter(
        queryset=cast("Any", _teams), to_field_name="key", label=_("Team"), empty_label=_("Any team")
    )
    certified = django_filters.BooleanFilter(method="is_certified", label=_("Certified only"))

    class Meta:
        model = Asset
        fields: list[str] = []

    def tagged(self, queryset: QuerySet[Asset], name: str, value: str) -> QuerySet[Asset]:
        """Keep what carries the tag."""
        return queryset.filter(tags__contains=[value])

    def is_certified(self, queryset: QuerySet[Asset], name: str, value: bool) -> QuerySet[Asset]:
        """Keep what is certified; ``certified=false`` asks for nothing special."""
        return queryset.filter(certification=Certification.CERTIFIED) if value else queryset


def owners_of(assets: QuerySet[Asset]) -> QuerySet[User]:
    """Return who owns any of these assets."""
    return User.objects.filter(assets__in=assets).distinct().order_by("name")


def teams_of(assets: QuerySet[Asset]) -> QuerySet[Team]:
    """Return the teams that any of these assets belongs to."""
    return Team.objects.filter(assets__in=assets).distinct()


def tags_of(assets: QuerySet[Asset]) -> list[str]:
    """Return the tags that these assets carry, in alphabetical order."""
    every = Func("tags", function="unnest", output_field=TextField())
    return list(
        assets.annotate(tag=every).order_by("tag").values_list("tag", flat=True).distinct()[:_OPTIONS]
    )


@dataclass(frozen=True, slots=True)
class Hit:
    """A found asset and why it was found; ``column`` names the column that holds the words."""

    asset: Asset
    why: Promise
    column: str


@dataclass(frozen=True, slots=True)
class Found:
    """The best hits, and how many there are in all (the stages stop counting above 1,000)."""

    hits: list[Hit]
    total: int


def search(assets: QuerySet[Asset], text: str, *, most: int = MOST_HITS) -> Found:
    """Return the best hits among ``assets``, which hold only what the reader may see.

    The score is the stage's (see ``portal.search.ranking``), less 300 for what is deprecated. Among equals
    metrics stand above datasets, then come certification, an owner, a short name.
    """
    query = Query(text)
    found = ranked(assets, query, "kind", "certification", "owner_id", "name_en")
    best = sorted(found, key=_order)[:most]
    by_id = assets.select_related("owner", "team", "dataset", "metric__version").in_bulk(
        [candidate.pk for candidate in best]
    )
    columns = _columns(query, [candidate.pk for candidate in best if candidate.stage <= Stage.COLUMN])
    hits = [
        Hit(by_id[candidate.pk], _why(candidate), columns.get(candidate.pk, ""))
        for candidate in best
        # It may have been hidden between the two queries.
        if candidate.pk in by_id
    ]
    return Found(hits, len(found))


def matching(rows: QuerySet[Any], text: str, *, field: str) -> QuerySet[Any]:
    """Keep the rows whose search document (in ``field``) holds each word; all where there is no word."""
    query = Query(text)
    return rows.filter(Matches(field, query.all)) if query else rows


def _why(candidate: Candidate) -> Promise:
    return candidate.stage.label if candidate.coverage == 1 else _("some of the words")


def _order(candidate: Candidate) -> tuple[Any, ...]:
    values = candidate.values
    score = candidate.score - (300 if values["certification"] == Certification.DEPRECATED else 0)
    return (
        -score,
        values["kind"] != AssetKind.METRIC,
        values["certification"] != Certification.CERTIFIED,
        values["owner_id"] is None,
        len(values["name_en"]),
        values["name_en"],
        candidate.pk,
    )


def _columns(query: Query, datasets: list[int]) -> dict[int, str]:
    """Name for each dataset the column that holds most of the words."""
    if not datasets:
        return {}
    best: dict[int, tuple[int, str]] = {}
    rows = Column.objects.filter(dataset_id__in=datasets).values_list(
        "dataset_id", "name", "description_en", "description_ko"
    )
    for dataset, name, *meanings in rows:
        count = query.finds(" ".join([name, *meanings]))
        if count > best.get(dataset, (0, ""))[0]:
            best[dataset] = (count, name)
    return {dataset: name for dataset, (_, name) in best.items()}
