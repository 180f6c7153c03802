"""The kind ``quality_check``: puts checks to a published table and keeps how they went."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field

from catalog.actions.datasets import record_checks
from catalog.models import Dataset
from catalog.published import PublishedCheck
from catalog.readable import readable_tables
from jobs.exceptions import LeaseLost
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from jobs.runners.landing import put_checks
from jobs.runners.rules import CheckRule, checks_of, published_checks
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from portal.said import said
from portal.warehouse.checks import failures
from portal.warehouse.errors import CheckFailed
from portal.warehouse.port import CheckResult


class NothingToCheck(Exception):
    """The dataset is not there, or not for the job's owner."""

    error_class = "settings"


class QualityCheckConfig(BaseModel):
    """A dataset, and what must hold for its rows."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(
        min_length=1,
        max_length=200,
        title=gettext_noop("Dataset"),
        description=gettext_noop("The dataset's key."),
        examples=["ops.flights"],
    )
    checks: list[CheckRule] = Field(
        min_length=1,
        title=gettext_noop("Checks"),
        description=gettext_noop(
            "A failing check that blocks fails the run: jobs that come after it do not start."
        ),
    )


class QualityCheckRunner:
    """Put the checks to the table as it is in the lake; results are kept however they went."""

    Config: type[BaseModel] = QualityCheckConfig
    label = _("Quality check")
    icon = "check"
    confined = True
    docs = _(
        "Puts checks to a dataset as it stands in the lake. The catalog shows how they went; a failing check "
        "that blocks fails the run, and what comes after it does not start."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return the one step."""
        return [Step("check", _("Check"))]

    def problems(self, config: dict[str, Any], reader: User) -> Iterator[tuple[str, str]]:
        """Refuse a dataset that the reader does not know, and columns that it has not."""
        dataset = Dataset.objects.visible_to(reader).filter(asset__key=config["dataset"]).first()
        if dataset is None:
            yield "dataset", gettext("There is no dataset {key}.").format(key=config["dataset"])
            return
        known = set(dataset.columns.values_list("name", flat=True))
        for position, rule in enumerate(config["checks"]):
            if missing := [name for name in rule.get("columns", ()) if name not in known]:
                text = gettext("The dataset has no column {names}.").format(names=", ".join(missing))
                yield f"checks.{position}.columns", text

    def run(self, context: Context) -> dict[str, Any]:
        """Return the results under ``checks``; raises CheckFailed, once they are kept."""
        config: QualityCheckConfig = context.config
        table, withheld = _table(context)
        with context.warehouse(read_only=True) as warehouse, context.step("check"):
            wanted = checks_of(
                config.checks, warehouse.columns(table), dialect=warehouse.dialect, withheld=withheld
            )
            snapshot = warehouse.snapshot()
            context.log.info("%s at snapshot %d", table, snapshot)
            results = put_checks(context, lambda work: work(), warehouse, table, wanted, snapshot=snapshot)
            kept = published_checks(results)
            failed = [one for one in results if one.blocking and not one.passed]
            if failed:
                # The run's end records nothing when it fails; what was found is worth keeping all the same.
                _keep(context, kept)
                raise CheckFailed(_words(config.dataset, failed))
        return {
            "checks": [check.model_dump(mode="json") for check in kept],
            "dataset": config.dataset,
            "passed": sum(one.passed for one in results),
            "failed": sum(not one.passed for one in results),
            "snapshot": snapshot,
        }

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep the results at the dataset; the run keeps how many passed."""
        kept = [PublishedCheck.model_validate(dump) for dump in outputs.pop("checks")]
        job = run.job
        record_checks(
            key=outputs["dataset"], checks=kept, job_key=job.key, run_id=run.pk, by=Actor.system(job.key)
        )
        outputs["datasets"] = [{"key": outputs.pop("dataset")}]
        return outputs


def _table(context: Context) -> tuple[str, frozenset[str]]:
    """Return the dataset's table, and the columns whose values the job's owner may not see."""
    key = context.config.dataset
    owner = Job.objects.select_related("owner").get(key=context.job_key).owner
    if owner is None or not owner.is_active or not owner.may(Permission.RUN_SQL):
        raise NothingToCheck(
            said("A check reads what its owner may read: give the job an owner who may run SQL.")
        )
    name = Dataset.objects.filter(asset__key=key).values_list("physical_name", flat=True).first()
    readable = readable_tables(owner, names=[name]) if name else {}
    if name is None or name not in readable:
        raise NothingToCheck(
            said("There is no published dataset %(key)s that the job's owner may read.", key=key)
        )
    return name, readable[name].withheld


def _keep(context: Context, kept: list[PublishedCheck]) -> None:
    with transaction.atomic():
        # As at a run's end: only the holder of the newest fence may write.
        if not Run.objects.held(context.fence).select_for_update().filter(pk=context.run_id).exists():
            raise LeaseLost
        record_checks(
            key=context.config.dataset,
            checks=kept,
            job_key=context.job_key,
            run_id=context.run_id,
            by=Actor.system(context.job_key),
        )


def _words(dataset: str, failed: list[CheckResult]) -> str:
    return said(
        "«%(dataset)s» failed %(count)s of its checks. %(found)s",
        dataset=dataset,
        count=len(failed),
        found=failures(failed),
    )
