"""The kinds of jobs: one line each, loaded when first used so that an idle worker stays small."""

from functools import cache
from typing import Any

from django.core import checks
from django.utils.module_loading import import_string
from pydantic import BaseModel

from jobs.choices import FOLLOWING_KINDS
from jobs.exceptions import UnknownKind
from jobs.runners.base import Following, Runner
from portal.said import said

RUNNERS: dict[str, str] = {
    "python": "jobs.runners.python.PythonRunner",
    "extract_load": "jobs.runners.extract_load.ExtractLoadRunner",
    "sql_model": "jobs.runners.sql_model.SqlModelRunner",
    "dbt": "jobs.runners.dbt.runner.DbtRunner",
    "quality_check": "jobs.runners.quality_check.QualityCheckRunner",
    "metric_refresh": "jobs.runners.metric_refresh.MetricRefreshRunner",
    "report": "jobs.runners.report.ReportRunner",
    "verify": "jobs.runners.verify.VerifyRunner",
    "query": "jobs.runners.query.QueryRunner",
    "peek": "jobs.runners.peek.PeekRunner",
    "http": "jobs.runners.http.HttpRunner",
    "airflow_dag": "jobs.runners.airflow.AirflowDagRunner",
    "housekeeping": "jobs.runners.housekeeping.HousekeepingRunner",
    "job_files": "jobs.runners.job_files.JobFilesRunner",
}
# Kinds of the portal's own jobs: nobody makes another of them by hand or from a file.
SYSTEM_KINDS = frozenset({"query", "peek", "verify", "housekeeping", "job_files"})


@cache
def runner_for(kind: str) -> Runner:
    """Return the runner of a kind; raises UnknownKind."""
    try:
        path = RUNNERS[kind]
    except KeyError:
        message = said("No runner is registered for jobs of the kind '%(kind)s'.", kind=kind)
        raise UnknownKind(message) from None
    runner: Runner = import_string(path)()
    return runner


def check_runners(**_: Any) -> list[checks.CheckMessage]:
    """Find kinds that cannot be loaded or lack what pages and the engine ask of them (a system check)."""
    return [problem for kind in RUNNERS for problem in _check(kind)]


def _check(kind: str) -> list[checks.CheckMessage]:
    try:
        runner = runner_for(kind)
    except ImportError as error:
        return [checks.Error(f"The kind {kind!r} cannot be loaded: {error}", id="jobs.E001")]
    missing = [name for name in ("label", "icon", "docs") if not getattr(runner, name, "")]
    missing += [name for name in ("steps", "run", "record") if not callable(getattr(runner, name, None))]
    if not isinstance(getattr(runner, "confined", None), bool):
        missing.append("confined (True or False)")
    if isinstance(runner, Following) != (kind in FOLLOWING_KINDS):
        missing.append("follow and stop exactly if it stands in FOLLOWING_KINDS")
    config = getattr(runner, "Config", None)
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        missing.append("Config (a pydantic model)")
    return [
        checks.Error(f"The kind {kind!r} has no {name}.", hint=RUNNERS[kind], id="jobs.E002")
        for name in missing
    ]
