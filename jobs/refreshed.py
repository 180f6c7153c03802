"""Which metrics jobs of the kind ``metric_refresh`` compute, as their definitions say."""

from collections.abc import Collection
from typing import Any, Final

from catalog.models import Metric
from jobs.models import Job
from portal.accounts.prepared import Prepared

KIND: Final = "metric_refresh"
_CONFIGS: Prepared[dict[str, Any]] = Prepared(
    lambda *, jobs: Job.objects.filter(kind=KIND, key__in=jobs).values_list("config", flat=True)
)


def refreshed_by(jobs: Collection[str]) -> set[str]:
    """Return the keys of the metrics that those of these jobs compute which refresh metrics; two queries.

    Asked of what the jobs and metrics say now, so that it holds before a first run and for a metric that was
    defined since the last one. Nobody's rights are looked at.
    """
    configs = _CONFIGS(jobs=set(jobs)) if jobs else []
    named = {str(key) for config in configs for key in config.get("metrics") or ()}
    datasets = {str(config["dataset"]) for config in configs if config.get("dataset")}
    if datasets:
        named |= set(Metric.objects.computed_from(datasets).values_list("asset__key", flat=True))
    return named
