"""The kind ``dbt``: a dbt project makes tables beside the lake; all of them are published, or none."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from catalog.actions.datasets import record_checks
from catalog.models import Dataset
from catalog.published import PublishedCheck
from catalog.readable import readable_tables
from jobs.choices import ErrorClass
from jobs.exceptions import LeaseLost
from jobs.models import Job, Run
from jobs.runners.apart import apart
from jobs.runners.base import Context, Step
from jobs.runners.dbt import UNREACHABLE
from jobs.runners.dbt.artifacts import (
    RELATIONS,
    TESTS,
    Manifest,
    Node,
    NodeResult,
    RunResults,
    checks_by_table,
    read,
    told,
)
from jobs.runners.dbt.config import DbtConfig
from jobs.runners.dbt.plan import Landings, Plan, export_orders, lock
from jobs.runners.dbt.process import DbtProcess
from jobs.runners.dbt.project import DbtRefused, find_project, not_installed
from jobs.runners.landing import Part, publish_all, record_published
from jobs.runners.rules import published_checks
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from portal.said import joined, said
from portal.warehouse.errors import WarehouseUnavailable
from portal.warehouse.port import CheckResult, StagedTable, Warehouse

# Which nodes a command works on, as «ls» takes it.
_RESOURCES: Final = {
    "build": ("model", "seed", "snapshot", "test", "unit_test"),
    "run": ("model",),
    "seed": ("seed",),
    "snapshot": ("snapshot",),
    "test": ("test", "unit_test"),
}
_FILES: Final = ("manifest.json", "run_results.json")
_TOLD_AT_MOST: Final = 5


class DbtFailed(Exception):
    """Nodes failed; the message names them with their files. Nothing was published."""

    def __init__(self, message: str, error_class: ErrorClass) -> None:
        super().__init__(message)
        self.error_class = error_class


class DbtRunner:
    """Let dbt compute in a database of the run's own, read what came of it, and publish with the fence."""

    Config: type[BaseModel] = DbtConfig
    label = _("dbt project")
    icon = "split"
    # dbt's process shuts itself in; what publishes needs to write.
    confined = False
    docs = _(
        "Runs a dbt project. Its tables are made beside the lake and published all at once when no node has "
        "failed; descriptions, lineage and tests go into the catalog."
    )

    def missing(self) -> str:
        """Return what is to be installed first; "" where nothing is."""
        return not_installed()

    def steps(self, job: Job) -> list[Step]:
        """Return the steps; what only tests publishes nothing."""
        steps = [Step("parse", _("Read the project")), Step("run", _("Run dbt"))]
        return steps if job.config.get("command") == "test" else [*steps, Step("publish", _("Publish"))]

    def run(self, context: Context) -> dict[str, Any]:
        """Return the published datasets, or how the tests went; raises DbtRefused, DbtFailed."""
        if words := not_installed():
            raise DbtRefused(words)
        config: DbtConfig = context.config
        project, owner = find_project(config.project), _owner(context)
        folder, staging = context.folder / "dbt", context.folder / "staging"
        for each in (folder, staging):
            each.mkdir(mode=0o700, exist_ok=True)
        attaching = import_string("portal.warehouse.attaching.opening_statements")
        password = import_string("portal.warehouse.attaching.reader_password")()
        with (
            apart(write=[staging]) as there,
            DbtProcess(context, folder=folder, hidden=[password]) as dbt,
        ):
            reader: Warehouse = there(lambda: context.warehouse(read_only=True, folders=[staging]))
            with context.step("parse"):
                selected = _parse(context, dbt, project, folder)
                # Of tables that are there: their rows are copied at this snapshot or a later one.
                tables, snapshot = there(reader.tables), there(reader.snapshot)
                manifest = read(folder / "target" / "manifest.json", Manifest)
                readable = readable_tables(owner)
                plan = Plan(manifest, frozenset(selected), frozenset(tables), readable, snapshot)
                plan.require(context.job_key, owner)
                dbt.expect(len(selected))
            opening = [
                *attaching(),
                *plan.opening(command=config.command, full_refresh=config.full_refresh),
                *lock([project, context.folder, Path(settings.LAKE_DATA)]),
            ]
            with context.step("run"):
                results = _command(context, dbt, opening, plan, folder)
            outputs = _counted(plan.manifest, results)
            if config.command == "test":
                outputs["checked"] = _dumped(_checks(plan, results))
            else:
                with context.step("publish"):
                    added_to = plan.added_to(full_refresh=config.full_refresh)
                    parts = [
                        _made_at(part, plan.snapshot) if part.staged.target in added_to else part
                        for part in _parts(dbt, plan, results, staging, there=there, reader=reader)
                    ]
                    if parts:
                        with context.warehouse() as writer:
                            outputs |= publish_all(context, there, reader=reader, writer=writer, parts=parts)
            there(reader.close)
        _keep_files(context, folder / "target")
        return outputs

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Register the datasets, or keep the tests' results at theirs; the run keeps keys and counts."""
        checked = outputs.pop("checked", {})
        _record(run.job.key, str(run.pk), checked)
        if checked:
            outputs["datasets"] = [{"key": key} for key in checked]
        return record_published(run=run, outputs=outputs) if "published" in outputs else outputs


def _owner(context: Context) -> User:
    owner = Job.objects.select_related("owner").get(key=context.job_key).owner
    if owner is None or not owner.is_active or not owner.may(Permission.RUN_SQL):
        raise DbtRefused(
            said("A project reads what its owner may read: give the job an owner who may run SQL.")
        )
    return owner


def _parse(context: Context, dbt: DbtProcess, project: Path, folder: Path) -> list[str]:
    """Let dbt read the project, and return the ids of the selected nodes; raises DbtRefused."""
    config: DbtConfig = context.config
    _write_profile(config, folder)
    kinds = [f"--resource-type={kind}" for kind in _RESOURCES[config.command]]
    found = dbt.ask(
        {
            "mark": dbt.mark,
            # The code of this kind, and the engine's extensions, lie where Python's own files are.
            "read": [str(project), settings.LAKE_DATA, *_code()],
            "write": [str(folder), str(context.folder / "staging")],
            "flags": _flags(context, project, folder),
            "selection": [
                *(f"--select={word}" for word in config.select),
                *(f"--exclude={word}" for word in config.exclude),
            ],
            "listing": kinds,
        },
        least="warn",
    )
    if error := found.get("error"):
        raise DbtRefused(str(error)[:2000])
    selected: list[str] = found["selected"]
    if not selected:
        raise DbtRefused(
            said("Nothing of the project is selected: look at «Select», «Exclude» and the command.")
        )
    context.log.info("%d nodes are selected", len(selected))
    return selected


def _code() -> list[str]:
    return [str(Path(settings.BASE_DIR) / name) for name in ("jobs/runners/dbt", "portal/warehouse")]


def _flags(context: Context, project: Path, folder: Path) -> list[str]:
    variables = {**context.config.vars, **(context.params if isinstance(context.params, dict) else {})}
    return [
        f"--project-dir={project}",
        f"--profiles-dir={folder}",
        "--profile=data_desk",
        f"--target-path={folder / 'target'}",
        f"--log-path={folder / 'logs'}",
        f"--vars={json.dumps(variables)}",
        "--no-use-colors",
        "--log-format=json",
        "--log-level-file=none",
        "--no-send-anonymous-usage-stats",
        "--no-version-check",
        "--no-partial-parse",
    ]


def _write_profile(config: DbtConfig, folder: Path) -> None:
    """Write where dbt computes: a database of the run's own. It holds no secret."""
    output = {
        "type": "duckdb",
        "path": str(folder / "work.duckdb"),
        "schema": config.target_schema,
        "threads": config.threads,
        "external_root": str(folder),
        "plugins": [{"module": "jobs.runners.dbt.lake"}],
        "config_options": {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": settings.LAKE_MEMORY,
            "threads": settings.LAKE_THREADS,
            "temp_directory": str(folder / "spill"),
        },
    }
    # JSON is YAML as well.
    profile = {"data_desk": {"target": "lake", "outputs": {"lake": output}}}
    (folder / "profiles.yml").write_text(json.dumps(profile))


def _command(
    context: Context, dbt: DbtProcess, opening: list[str], plan: Plan, folder: Path
) -> list[NodeResult]:
    """Run the command and return what the nodes came to, none of them bad; raises DbtFailed, DbtRefused."""
    config: DbtConfig = context.config
    target = folder / "target"
    options = ["--full-refresh"] if config.full_refresh else []
    done = dbt.ask({"command": config.command, "options": options, "opening": opening})
    # What ran is written into the manifest only now.
    results = read(target / "run_results.json", RunResults).results if _wrote(target) else []
    bad = [result for result in results if result.bad]
    error = str(done.get("error") or "")
    if any(UNREACHABLE in words for words in (error, *(result.message or "" for result in bad))):
        raise WarehouseUnavailable(said("The lake cannot be opened for dbt; see the log."))
    if not bad and not done["success"]:
        words = error[:2000] or said("dbt failed without saying why.")
        raise DbtRefused(words, ErrorClass.BAD_INPUT)
    for result in read(target / "manifest.json", Manifest).nodes.values() if results else ():
        plan.manifest.nodes[result.unique_id] = result
    plan.require_reads(results)
    if bad:
        if config.command == "test":
            _keep_checks(context, _checks(plan, results))
        raise _failure(plan.manifest, bad)
    return results


def _wrote(target: Path) -> bool:
    return (target / "run_results.json").is_file()


def _failure(manifest: Manifest, bad: Sequence[NodeResult]) -> DbtFailed:
    tests = [result for result in bad if _kind(result) in TESTS and result.status == "fail"]
    lines = [told(manifest, result) for result in bad[:_TOLD_AT_MOST]]
    if len(bad) > _TOLD_AT_MOST:
        lines.append(said("… and %(count)s more, see the log", count=len(bad) - _TOLD_AT_MOST))
    only_tests = len(tests) == len(bad)
    return DbtFailed(joined("\n", lines), ErrorClass.CHECK_FAILED if only_tests else ErrorClass.BAD_INPUT)


def _kind(result: NodeResult) -> str:
    return result.unique_id.partition(".")[0]


def _counted(manifest: Manifest, results: Sequence[NodeResult]) -> dict[str, Any]:
    """Return how many nodes came to what, and what only warned."""
    warned = [told(manifest, result) for result in results if result.status == "warn"]
    return {"nodes": dict(Counter(result.status for result in results)), "warnings": warned[:20]}


def _parts(
    dbt: DbtProcess,
    plan: Plan,
    results: Sequence[NodeResult],
    staging: Path,
    *,
    there: Any,
    reader: Warehouse,
) -> list[Part]:
    """Stage the tables that were made, in the order in which they were."""
    made = [_made(plan.manifest, result) for result in results if result.status == "success"]
    nodes = [node for node in made if node is not None]
    if not nodes:
        return []
    dbt.ask({"export": export_orders(nodes, staging)})
    landings, checks, parts = Landings(plan), checks_by_table(plan.manifest, list(results)), []
    for node in nodes:
        path = staging / f"{node.table}.parquet"
        staged = there(lambda node=node, path=path: reader.staged_at(path, target=node.table))
        parts.append(Part(staged, landings.take(node, staged), checks.get(node.table, ())))
    return parts


def _made_at(part: Part, snapshot: int) -> Part:
    """Return a part that begins from its table's rows: it replaces no others than those."""
    if not isinstance(part.staged, StagedTable):
        return part
    return replace(part, staged=replace(part.staged, how=replace(part.staged.how, made_at=snapshot)))


def _made(manifest: Manifest, result: NodeResult) -> Node | None:
    node = manifest.nodes.get(result.unique_id)
    return node if node is not None and node.is_relation and node.resource_type in RELATIONS else None


def _checks(plan: Plan, results: Sequence[NodeResult]) -> dict[str, list[CheckResult]]:
    """Return the tests' results by the key of the dataset that each is about."""
    found = checks_by_table(plan.manifest, list(results))
    datasets = Dataset.objects.filter(physical_name__in=found, published_at__isnull=False)
    return {key: found[table] for table, key in datasets.values_list("physical_name", "asset__key")}


def _dumped(checks: dict[str, list[CheckResult]]) -> dict[str, list[dict[str, Any]]]:
    return {
        key: [check.model_dump(mode="json") for check in published_checks(found)]
        for key, found in checks.items()
    }


def _keep_checks(context: Context, checks: dict[str, list[CheckResult]]) -> None:
    """Keep what was found although the run fails, as the kind ``quality_check`` does."""
    with transaction.atomic():
        # As at a run's end: only the holder of the newest fence may write.
        if not Run.objects.held(context.fence).select_for_update().filter(pk=context.run_id).exists():
            raise LeaseLost
        _record(context.job_key, str(context.run_id), _dumped(checks))


def _record(job_key: str, run_id: str, checked: dict[str, list[dict[str, Any]]]) -> None:
    for key in sorted(checked):
        kept = [PublishedCheck.model_validate(dump) for dump in checked[key]]
        record_checks(key=key, checks=kept, job_key=job_key, run_id=run_id, by=Actor.system(job_key))


def _keep_files(context: Context, target: Path) -> None:
    """Keep dbt's own files with the run, those that are not too large for it."""
    for name in _FILES:
        path = target / name
        if not path.is_file():
            context.log.warning("dbt left no %s, so none is kept", name)
            continue
        if path.stat().st_size > settings.ARTIFACT_MB * 1024 * 1024:
            context.log.warning("%s is larger than ARTIFACT_MB and is not kept", name)
            continue
        shutil.copyfile(path, context.artifact(name, media_type="application/json"))
