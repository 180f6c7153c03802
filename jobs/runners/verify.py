"""The kind ``verify``: computes a shown number or table again and keeps the verdict."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field

from catalog.definitions import MetricDefinition, difference
from catalog.models import Metric, MetricPoint, MetricVersion
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from portal.audit.actions import Actor
from portal.evidence.actions import record_verification
from portal.evidence.choices import Verdict
from portal.evidence.citers import citers
from portal.evidence.differing import floats_in
from portal.evidence.models import Evidence, Result
from portal.evidence.verify import Cited, CitedRows, Findings, compare, rerun
from portal.notifications.actions import notify
from portal.said import said


class VerifyConfig(BaseModel):
    """How long one of the queries may take."""

    model_config = ConfigDict(extra="forbid")

    timeout: float = Field(default=120.0, gt=0, description="Seconds that one query may take.")


class EvidenceGone(Exception):
    """The evidence, or the metric it speaks of, has been removed since somebody asked."""

    error_class = "bad_input"

    def __init__(self) -> None:
        super().__init__(said("The evidence is not there any more."))


@dataclass(frozen=True, slots=True)
class _Subject:
    """Evidence with what it says; of a metric also the definition that was recorded and the one in force."""

    evidence: Evidence
    cited: Cited
    recorded: MetricVersion | None = None
    current: MetricVersion | None = None

    @property
    def definition_hash(self) -> str:
        """The hash of the definition in force, where the evidence rests on one."""
        return self.current.definition_hash if self.current else ""

    @property
    def definition_changed(self) -> bool:
        """Whether the definition in force is another one, as far as the number depends on it."""
        return self.evidence.definition_hash != self.definition_hash


class VerifyRunner:
    """Compute a metric's series or a query's table again, as recorded and on the newest data, and compare."""

    Config: type[BaseModel] = VerifyConfig
    label = _("Verification")
    icon = "check"
    confined = True
    docs = _(
        "Computes a shown number again, on the data it came from and on the newest, and keeps the verdict."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return the same two steps for every job."""
        return [Step("recorded", _("Compute again")), Step("newest", _("Compare with the newest data"))]

    def run(self, context: Context) -> dict[str, Any]:
        """Return the findings (a dump of Findings) and, where the definition changed, its difference."""
        subject = _subject(context.params)
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
            "definition_hash": subject.definition_hash,
            "definition": _difference(subject) if subject.definition_changed else None,
        }

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep the verdict and tell who answers for it where it is a bad one; the run keeps its word."""
        findings = Findings.model_validate(outputs["findings"])
        kind, key = run.params["about_kind"], run.params["about_key"]
        by = Actor.person(run.requested_by) if run.requested_by else Actor.system(run.job.key)
        evidence = Evidence.objects.get(pk=run.params["evidence"])
        record_verification(
            evidence=evidence,
            findings=findings,
            about=(kind, key, run.params["label"]),
            run_id=run.pk,
            user=run.requested_by,
            by=by,
            definition_hash=outputs["definition_hash"],
            definition=outputs["definition"],
        )
        _tell(evidence, findings.verdict, about=(kind, key), by=by)
        return {
            **({"metrics": [{"key": key}]} if kind == "metric" else {}),
            "verdict": findings.verdict.value,
        }


def _tell(evidence: Evidence, verdict: Verdict, *, about: tuple[str, str], by: Actor) -> None:
    """Tell who answers for what the evidence stands behind.

    A refresh follows changed data, an answer does not: only its author hears of those.
    """
    for reference in {about, *(citation.reference for citation in evidence.citations.all())}:
        follows = reference[0] == "metric" and verdict in Verdict.moved()
        if verdict != Verdict.VERIFIED and not follows:
            notify(
                to=citers.keepers_of(reference),
                kind="evidence.verification_failed",
                about=reference,
                by=by,
                data={"verdict": verdict.value},
                once=f"{evidence.pk}:{verdict.value}",
            )


def _subject(params: dict[str, Any]) -> _Subject:
    evidence = Evidence.objects.select_related("result").filter(pk=params["evidence"]).first()
    if evidence is None:
        raise EvidenceGone
    return _series(evidence) if evidence.definition_hash else _table(evidence)


def _table(evidence: Evidence) -> _Subject:
    result = _result(evidence)
    if result is None:
        raise EvidenceGone
    table = CitedRows(
        columns=[column["name"] for column in result.columns],
        rows=result.rows,
        whole=not result.cut,
        floats=floats_in(result.columns),
    )
    return _Subject(evidence, _cited(evidence, values={}, table=table))


def _series(evidence: Evidence) -> _Subject:
    found = MetricVersion.objects.filter(definition_hash=evidence.definition_hash).select_related("metric")
    points = list(MetricPoint.objects.filter(evidence=evidence).select_related("metric", "version"))
    # A refresh has taken the points along to newer evidence; what was cited kept them as a table.
    recorded = points[0].version if points else found.order_by("-pk").first()
    metric = recorded.metric if recorded else None
    current = Metric.objects.select_related("version").get(pk=metric.pk).version if metric else None
    if current is None:
        raise EvidenceGone
    values = {point.starts_on.isoformat(): point.value for point in points}
    result = _result(evidence)
    if not values and result is not None:
        values = {str(row[0]): row[1] for row in result.rows}
    return _Subject(
        evidence,
        _cited(evidence, values=values, tolerance=current.parsed.auditable.tolerance),
        recorded=current.metric.versions.filter(definition_hash=evidence.definition_hash).first(),
        current=current,
    )


def _cited(
    evidence: Evidence,
    *,
    values: dict[str, float | None],
    tolerance: float = 0.0,
    table: CitedRows | None = None,
) -> Cited:
    return Cited(
        sql=evidence.sql,
        parameters=evidence.parameters,
        snapshot=evidence.snapshot,
        result_hash=evidence.result_hash,
        values=values,
        tolerance=tolerance,
        table=table,
    )


def _result(evidence: Evidence) -> Result | None:
    return evidence.result if hasattr(evidence, "result") else None


def _difference(subject: _Subject) -> dict[str, Any]:
    before, after = subject.recorded, subject.current
    return {
        "before": before.number if before else None,
        "after": after.number if after else None,
        "difference": [
            each.model_dump(mode="json") for each in (_differences(before, after.parsed) if after else [])
        ],
    }


def _differences(before: MetricVersion | None, after: MetricDefinition) -> list[Any]:
    return list(difference(before.parsed, after)) if before else []
