"""Choices of fields that only the running portal knows, as one reader may know of them."""

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _

from catalog.models import Metric
from jobs.models import Secret
from jobs.runners import pipelines
from jobs.source_files import suggested
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission


def _pipelines(_reader: User | None) -> list[tuple[str, str]]:
    return [(key, f"{found.name_en} ({key})") for key, found in sorted(pipelines.pipelines().items())]


def _metrics(reader: User | None) -> list[tuple[str, str]]:
    if reader is None:
        return []
    seen = Metric.objects.visible_to(reader).select_related("asset").order_by("asset__key")
    return [(metric.asset.key, f"{metric.asset.name} ({metric.asset.key})") for metric in seen]


def _secrets(reader: User | None) -> list[str]:
    return [] if reader is None else [secret.name for secret in Secret.objects.visible_to(reader)]


def _source_files(reader: User | None) -> list[str]:
    return suggested() if _sees_files(reader) else []


def _sees_files(reader: User | None) -> bool:
    return reader is not None and reader.may(Permission.EDIT_JOBS)


def _people(reader: User | None) -> list[tuple[str, str]]:
    if reader is None:
        return []
    return [(each.email, f"{each.name} ({each.email})") for each in User.objects.filter(is_active=True)]


def _teams(reader: User | None) -> list[tuple[str, str]]:
    return [(team.key, team.name) for team in Team.objects.all()] if reader is not None else []


# By the name of the field's widget: what is offered where something else may be typed too.
SUGGESTIONS: Final[dict[str, Callable[[User | None], list[str]]]] = {
    "secret": _secrets,
    "source_file": _source_files,
}
# The same: what must be chosen from.
CHOICES: Final[dict[str, Callable[[User | None], list[tuple[str, str]]]]] = {
    "pipeline": _pipelines,
    "metric": _metrics,
    "people": _people,
    "teams": _teams,
}


def tool_of(widget: object, reader: User | None) -> str:
    """Return the template of what stands below a field to work with what it says; "" for nothing."""
    return "jobs/files/tool.html" if widget == "source_file" and _sees_files(reader) else ""


def choice_of(offered: list[tuple[str, str]], chosen: Any, *, several: bool, **common: Any) -> forms.Field:
    """Return a field that offers these, as boxes where several may be taken.

    What stands there already is offered, too: it may be somebody else's choice, or be gone.
    """
    standing = chosen if isinstance(chosen, list) else [chosen]
    known = {"", *(key for key, _label in offered)}
    choices = [*offered, *((str(each), str(each)) for each in standing if (each or "") not in known)]
    if several:
        # Of many only the first are in sight.
        choices.sort(key=lambda each: each[0] not in standing)
        return forms.MultipleChoiceField(**common, choices=choices, widget=forms.CheckboxSelectMultiple)
    return forms.ChoiceField(**common, choices=[("", _("Choose one")), *choices])
