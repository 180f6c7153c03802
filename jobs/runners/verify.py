"""The kind ``verify``: computes a shown number again and keeps the verdict."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field

from catalog.definitions import MetricDefinition, difference
from catalog.exceptions import UnknownMetric
from catalog.models import Metric, MetricPoint, MetricVersion
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from portal.audit.actions import Actor
from portal.evidence.actions import record_verification
from portal.evidence.models import Evidence
from portal.evidence.verify import Cited, Findings, compare, rerun


class VerifyConfig(BaseModel):
    """How long one of the queries may take."""

    model_config = ConfigDict(extra="forbid")

    timeout: float = Field(default=120.0, gt=0, description="Seconds that one query may take.")


@dataclass(frozen=True, slots=True)
class _Subject:
    """Evidence of a metric with the definition that was recorded and the one in force."""

    evidence: Evidence
    cited: Cited
    recorded: MetricVersion | None
    current: MetricVersion

    @property
    def definition_changed(self) -> bool:
        """Whether the definition in force is another one, as far as the number depends on it."""
        return self.evidence.definition_hash != self.current.definition_hash


class VerifyRunner:
    """Compute a metric's series again, at its recorded snapshot and at the newest, and compare."""

    Config: type[BaseModel] = VerifyConfig
    label = _("Verification")
    icon = "check"
    docs = _(
        "Computes a shown number again, on the data it came from and on the newest, and keeps the verdict."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return the same two steps for every job."""
        return [Step("recorded", _("Compute again")), Step("newest", _("Compare with the newest data"))]

    def run(self, context: Context) -> dict[str, Any]:
        """Return the findings (a dump of Findings) and, where the definition changed, its difference."""
        subject = _subject(context.params["metric"], context.params["evidence"])
        timeout = context.config.timeout
        with context.warehouse(read_only=True) as warehouse:
            with context.step("recorded"):
                outcome = rerun(warehouse, subject.cited, timeout=timeout)
                context.log.info("at snapshot %s: %s", subject.cited.snapshot, outcome.half)
            with context.step("newest"):
                findings = compare(
                    warehouse,
                    subject.cited,
                    outcome,
                    definition_changed=subject.definition_changed,
                    timeout=timeout,
                )
        context.log.info("at snapshot %s: %s", findings.snapshot, findings.newest)
        context.log.info("verdict: %s", findings.verdict.value)
        return {
            "findings": findings.model_dump(mode="json"),
            "definition_hash": subject.current.definition_hash,
            "definition": _difference(subject) if subject.definition_changed else None,
        }

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep the verdict; the run keeps its word and the metric it is about."""
        findings = Findings.model_validate(outputs["findings"])
        key = run.params["metric"]
        record_verification(
            evidence=Evidence.objects.get(pk=run.params["evidence"]),
            findings=findings,
            about=("metric", key, key),
            run_id=run.pk,
            user=run.requested_by,
            by=Actor.person(run.requested_by) if run.requested_by else Actor.system(run.job.key),
            definition_hash=outputs["definition_hash"],
            definition=outputs["definition"],
        )
        return {"metrics": [{"key": key}], "verdict": findings.verdict.value}


def _subject(key: str, evidence_id: str) -> _Subject:
    metric = Metric.objects.select_related("version").filter(asset__key=key).first()
    evidence = Evidence.objects.filter(pk=evidence_id).first()
    if metric is None or metric.version is None or evidence is None:
        raise UnknownMetric(key)
    points = MetricPoint.objects.filter(metric=metric, evidence=evidence)
    values = {starts_on.isoformat(): value for starts_on, value in points.values_list("starts_on", "value")}
    cited = Cited(
        sql=evidence.sql,
        parameters=evidence.parameters,
        snapshot=evidence.snapshot,
        result_hash=evidence.result_hash,
        values=values,
        tolerance=metric.version.parsed.auditable.tolerance,
    )
    recorded = metric.versions.filter(definition_hash=evidence.definition_hash).first()
    return _Subject(evidence, cited, recorded, metric.version)


def _difference(subject: _Subject) -> dict[str, Any]:
    before = subject.recorded
    return {
        "before": before.number if before else None,
        "after": subject.current.number,
        "difference": [each.model_dump(mode="json") for each in _differences(before, subject.current.parsed)],
    }


def _differences(before: MetricVersion | None, after: MetricDefinition) -> list[Any]:
    return list(difference(before.parsed, after)) if before else []
