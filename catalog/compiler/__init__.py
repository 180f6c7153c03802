"""From a metric definition to SQL; the compiler is loaded by its dotted path when first used."""

from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from catalog.compiler.port import MetricCompiler


def metric_compiler(*, dialect: str) -> "MetricCompiler":
    """Return the compiler for a warehouse's dialect; loading it takes a second, so do it in a run's body."""
    return cast("MetricCompiler", import_string(settings.METRIC_COMPILER)(dialect=dialect))
