"""The catalog page: everything that is known, found by words and filters."""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from catalog.choices import AssetKind
from catalog.filters import MOST_HITS, AssetFilter, owners_of, search, tags_of, teams_of
from catalog.models import Asset
from catalog.series import Glance, glances
from portal.accounts.access import signed_in
from portal.ui.paging import Page, keyset

MOST_COUNTED = 1000
_FILTERS = ("kind", "tag", "owner", "team", "certified")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list; ``why`` says where the words were found."""

    asset: Asset
    glance: Glance | None
    why: str | Promise = ""
    column: str = ""


@require_safe
def catalog(request: HttpRequest) -> HttpResponse:
    """Show what this person may know of: by name, or ranked by the words they typed."""
    user = signed_in(request)
    visible = Asset.objects.visible_to(user)
    filtered, chosen = _choose(request, visible)
    text = request.GET.get("q", "").strip()
    context: dict[str, Any] = {"q": text, "chosen": chosen, "most_hits": MOST_HITS}
    context["query"] = urlencode(chosen)
    if text:
        found = search(filtered, text)
        shown = glances([hit.asset.metric for hit in found.hits if hit.asset.kind == AssetKind.METRIC])
        context["rows"] = [Row(hit.asset, shown.get(hit.asset.pk), hit.why, hit.column) for hit in found.hits]
        context["total"] = found.total
    else:
        page = _page(filtered, request.GET.get("cursor"))
        shown = glances([asset.metric for asset in page.items if asset.kind == AssetKind.METRIC])
        context["rows"] = [Row(asset, shown.get(asset.pk)) for asset in page.items]
        context["page"] = page
        context["total"] = filtered.order_by()[:MOST_COUNTED].count()
    if not context["rows"]:
        context["is_empty"] = not visible.exists()
    # A restored or boosted page is a whole page, whatever asked for it.
    htmx = cast("HtmxDetails", getattr(request, "htmx"))  # noqa: B009 - set by its middleware
    template = "catalog/catalog.html"
    if htmx and not htmx.boosted and not htmx.history_restore_request:
        template += "#results"
    else:
        context |= _choices(visible)
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _choose(request: HttpRequest, visible: QuerySet[Asset]) -> tuple[QuerySet[Asset], dict[str, Any]]:
    """Return what the filters leave; a value that no list knows counts as not given, so old links open."""
    data = request.GET.copy()
    chosen = AssetFilter(data, queryset=visible, request=request)
    if not chosen.is_valid():
        for name in chosen.errors:
            data.pop(name, None)
        chosen = AssetFilter(data, queryset=visible, request=request)
        chosen.is_valid()
    values = {name: data[name] for name in _FILTERS if chosen.form.cleaned_data.get(name)}
    return chosen.qs, values


def _page(assets: QuerySet[Asset], cursor: str | None) -> Page[Asset]:
    listed = assets.select_related("owner", "team", "dataset", "metric__version").defer("search")
    return keyset(listed, order=("name_en", "id"), cursor=cursor)


def _choices(visible: QuerySet[Asset]) -> dict[str, Any]:
    return {
        "kinds": AssetKind.choices,
        "tags": tags_of(visible),
        "owners": owners_of(visible),
        "teams": teams_of(visible),
    }
