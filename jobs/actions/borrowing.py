"""Judge what a named editor writes by their own rights, since it runs with its owner's and its secrets."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from pydantic import ValidationError

from catalog.models import Dataset
from catalog.readable import readable_tables
from jobs.choices import CHECK_KIND
from jobs.definitions import JobDefinition
from jobs.models.secret import secret_names
from jobs.runners.registry import runner_for
from jobs.runners.report.checking import DIALECT, told
from jobs.runners.rules import CheckRule, RefusedRule, checks_of
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.warehouse.errors import RefusedSql
from portal.warehouse.linting import prepare
from portal.warehouse.port import ColumnInfo

# Where a configuration says to which host the job goes, whatever its kind.
_PLACES: Final = frozenset({"url", "host", "port"})
Found = Iterator[tuple[str, str]]


def borrowed(definition: JobDefinition, standing: JobDefinition, editor: User) -> Found:
    """Yield field and reason for what an editor whose role edits no jobs would do in the name of others.

    A configuration that does not fit its kind yields nothing: that is told elsewhere.
    """
    config, before = _filled(definition), _filled(standing)
    if editor.may(Permission.EDIT_JOBS) or config is None or config == before:
        return
    yield from _secrets(config, before)
    if secret_names(config):
        yield from _places(config, before)
    if definition.kind in {"sql_model", CHECK_KIND}:
        yield from _reads(definition.kind, config, editor)


def _filled(definition: JobDefinition) -> dict[str, Any] | None:
    """Return the configuration with its defaults, so that one which is written out is no change."""
    try:
        return runner_for(definition.kind).Config.model_validate(definition.config).model_dump(mode="json")
    except ValidationError:
        return None


def _secrets(config: dict[str, Any], before: dict[str, Any] | None) -> Found:
    added = secret_names(config) - secret_names(before)
    for path, value in _leaves(config):
        if value in added and (path[-1] == "secret" or path[-2] == "secrets"):
            yield ".".join(path), _("Only people whose role edits jobs may give it another secret.")


def _places(config: dict[str, Any], before: dict[str, Any] | None) -> Found:
    known = {(path, _place(value)) for path, value in _leaves(before)}
    for path, value in _leaves(config):
        if path[-1] in _PLACES and (path, _place(value)) not in known:
            text = _("The job has a secret: only people whose role edits jobs may send it to another host.")
            yield ".".join(path), text


def _reads(kind: str, config: dict[str, Any], editor: User) -> Found:
    if not editor.may(Permission.RUN_SQL):
        yield "config", _("You may not run SQL.")
    elif kind == "sql_model":
        try:
            prepare(config["sql"], dialect=DIALECT, tables=readable_tables(editor))
        except RefusedSql as error:
            yield "config.sql", told(error)
    else:
        yield from _checks(config, editor)


def _checks(config: dict[str, Any], editor: User) -> Found:
    names = Dataset.objects.filter(asset__key=config["dataset"]).values_list("physical_name", flat=True)
    table = next(iter(readable_tables(editor, names=list(names)).values()), None)
    if table is None:
        yield "config.dataset", _("There is no such dataset.")
        return
    columns = [ColumnInfo(name, kind) for name, kind in table.columns.items()]
    for place, rule in enumerate(config["checks"] if table.withheld else ()):
        try:
            checks_of([CheckRule(**rule)], columns, dialect=DIALECT, withheld=table.withheld)
        except RefusedRule:
            text = _("It asks for what is not there, or for values that are masked for you.")
            yield f"config.checks.{place}", text


def _leaves(value: Any, path: tuple[str, ...] = ("config",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each single value of a configuration with the way to it."""
    pairs: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, each in pairs:
        if isinstance(each, dict | list):
            yield from _leaves(each, (*path, str(name)))
        else:
            yield (*path, str(name)), each


def _place(value: Any) -> Any:
    """Return where an address leads, without what stands behind the host; any other value as it is."""
    if not isinstance(value, str) or "://" not in value:
        return value
    parts = urlsplit(value)
    return parts.scheme, parts.netloc
