"""Choices of fields that only the running portal knows, as one reader may know of them."""

from collections.abc import Callable
from typing import Final

from catalog.models import Metric
from jobs.models import Secret
from jobs.runners import pipelines
from portal.accounts.models import User


def _pipelines(_reader: User | None) -> list[tuple[str, str]]:
    return [(key, f"{found.name_en} ({key})") for key, found in sorted(pipelines.pipelines().items())]


def _metrics(reader: User | None) -> list[tuple[str, str]]:
    if reader is None:
        return []
    seen = Metric.objects.visible_to(reader).select_related("asset").order_by("asset__key")
    return [(metric.asset.key, f"{metric.asset.name} ({metric.asset.key})") for metric in seen]


def _secrets(reader: User | None) -> list[str]:
    return [] if reader is None else [secret.name for secret in Secret.objects.visible_to(reader)]


# By the name of the field's widget: what is offered where something else may be typed too.
SUGGESTIONS: Final[dict[str, Callable[[User | None], list[str]]]] = {"secret": _secrets}
# The same: what must be chosen from.
CHOICES: Final[dict[str, Callable[[User | None], list[tuple[str, str]]]]] = {
    "pipeline": _pipelines,
    "metric": _metrics,
}
