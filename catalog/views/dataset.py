"""The dataset's pages: overview, columns, preview and lineage."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog import wording
from catalog.access import access_dataset
from catalog.choices import NodeKind, Sensitivity
from catalog.lineage import Neighbour, Step, node_of, step_around
from catalog.models import Column, Dataset
from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.discussion.threads import teaser
from portal.events import nodes
from portal.search import Query

COLUMNS_SHOWN = 12


@require_safe
def dataset(request: HttpRequest, key: str) -> HttpResponse:
    """Show whether it can be trusted, what is in it, where it comes from and who looks after it."""
    user = signed_in(request)
    found = access_dataset(user, key)
    columns = _with_sources(list(found.columns.all()[: COLUMNS_SHOWN + 1]), user)
    step = step_around(NodeKind.DATASET, key, user)
    context = _frame(found, user, here="dataset")
    context |= {
        "columns": columns[:COLUMNS_SHOWN],
        "checks": [_worded(check) for check in found.checks],
        "passed": sum(bool(check.get("passed")) for check in found.checks),
        "failed": sum(not check.get("passed") and _blocks(check) for check in found.checks),
        "warned": sum(not check.get("passed") and not _blocks(check) for check in found.checks),
        "step": step,
        "node": node_of(found.asset),
        "jobs": step.of_kind(NodeKind.JOB),
        "metrics": [each for each in step.downstream if each.kind == NodeKind.METRIC],
        "run": _run(found, user),
        "sensitivity": Sensitivity(found.asset.sensitivity),
        "discussion": teaser(("dataset", found.asset.key), user),
    }
    return render(request, "catalog/dataset.html", context)


@require_safe
def dataset_columns(request: HttpRequest, key: str) -> HttpResponse:
    """Show all columns, or those that hold the words of ``?q=``."""
    user = signed_in(request)
    found = access_dataset(user, key)
    text = request.GET.get("q", "").strip()
    columns = _with_sources([column for column in found.columns.all() if _holds(column, text)], user)
    context = _frame(found, user, here="dataset_columns")
    return render(request, "catalog/dataset_columns.html", {**context, "columns": columns, "q": text})


@require_safe
def dataset_preview(request: HttpRequest, key: str) -> HttpResponse:
    """Show sample rows as they were masked when the dataset was published."""
    user = signed_in(request)
    found = access_dataset(user, key)
    context = _frame(found, user, here="dataset_preview")
    personal = set(found.columns.filter(personal=True).values_list("name", flat=True))
    names = [str(name) for name in found.sample.get("columns", [])]
    context |= {
        "names": [(name, name in personal) for name in names],
        "rows": found.sample.get("rows", []),
        "masked": [name for name in names if name in personal],
    }
    return render(request, "catalog/dataset_preview.html", context)


@require_safe
def dataset_lineage(request: HttpRequest, key: str) -> HttpResponse:
    """Show one step up and down, each node with a link to go on from it."""
    user = signed_in(request)
    found = access_dataset(user, key)
    step = step_around(NodeKind.DATASET, key, user)
    context = _frame(found, user, here="dataset_lineage")
    context |= {"step": step, "node": node_of(found.asset), "sides": _sides(step)}
    return render(request, "catalog/dataset_lineage.html", context)


def _frame(found: Dataset, user: User, *, here: str) -> dict[str, Any]:
    key = found.asset.key
    parts = [
        ("dataset", _("Overview"), ""),
        ("dataset_columns", _("Columns"), found.columns.count()),
        ("dataset_preview", _("Preview"), ""),
        ("dataset_lineage", _("Lineage"), ""),
    ]
    return {
        "dataset": found,
        "asset": found.asset,
        "tabs": [
            {"label": label, "url": reverse(name, args=[key]), "current": name == here, "count": count}
            for name, label, count in parts
        ],
        "may_edit": user.may(Permission.EDIT_CATALOG),
        "may_query": user.may(Permission.RUN_SQL),
    }


def _run(found: Dataset, user: User) -> Any:
    if found.published_by is None:
        return None
    run = ("run", str(found.published_by))
    return nodes.resolve([run], user).get(run)


def _blocks(check: dict[str, Any]) -> bool:
    # Checks that were kept before they told it were all meant to block.
    return bool(check.get("blocking", True))


def _worded(check: dict[str, Any]) -> dict[str, Any]:
    said = {key: str(check.get(key, "")) for key in ("name", "expected", "observed")}
    return {
        **check,
        "tone": "good" if check.get("passed") else "bad" if _blocks(check) else "warn",
        "words": wording.check(said["name"]),
        "expected": wording.expected(said["expected"]),
        "observed": wording.observed(said["observed"]),
    }


def _with_sources(columns: list[Column], user: User) -> list[Column]:
    """Let each column name those that it is made from, as far as the reader may see their datasets."""
    keys = {key for column in columns for key, _name in column.made_from}
    visible: set[str] = set()
    if keys:
        seen = Dataset.objects.visible_to(user).filter(asset__key__in=keys)
        visible = set(seen.values_list("asset__key", flat=True))
    for column in columns:
        column.sources = [(key, name) for key, name in column.made_from if key in visible]
    return columns


def _holds(column: Column, text: str) -> bool:
    words = Query(text)
    if not text:
        return True
    held = " ".join([column.name, column.data_type, column.description_en, column.description_ko])
    return bool(words) and words.finds(held) == len(words.words)


def _sides(step: Step) -> list[dict[str, Any]]:
    return [
        {"title": _("Comes from"), "nodes": [_further(each) for each in step.upstream]},
        {"title": _("Feeds"), "nodes": [_further(each) for each in step.downstream]},
    ]


def _further(neighbour: Neighbour) -> dict[str, Any]:
    on = reverse("dataset_lineage", args=[neighbour.key]) if neighbour.kind == NodeKind.DATASET else ""
    return {"neighbour": neighbour, "kind": NodeKind(neighbour.kind).label, "on": on}
