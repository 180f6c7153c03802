"""Read what verifying has found about a shown figure."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Max

from catalog.models import Dataset, Metric
from catalog.series import Figure
from portal.accounts.models import User
from portal.events import Node, nodes
from portal.evidence.choices import Half, Verdict
from portal.evidence.models import Verification


@dataclass(frozen=True, slots=True)
class Checked:
    """The newest verdict on a figure's evidence, and whether it still speaks of today."""

    verification: Verification
    before: float | None
    after: float | None
    figure_changed: bool
    newer_data: bool
    newer_definition: bool

    @property
    def verdict(self) -> Verdict:
        """The verdict's word."""
        return Verdict(self.verification.verdict)

    @property
    def is_current(self) -> bool:
        """Whether neither data nor definition have changed since."""
        return not (self.newer_data or self.newer_definition)

    @property
    def tone(self) -> str:
        """The tone of the verdict; what is out of date is neither good nor bad."""
        return self.verdict.tone if self.is_current else "neutral"

    @property
    def tables(self) -> list[dict[str, Any]]:
        """The tables that hold something else now, each with its rows before and after."""
        return list(self.verification.details.get("tables", []))

    @property
    def others(self) -> int:
        """How many other periods of the series have another value now."""
        return int(self.verification.details.get("changed_count", 0)) - int(self.figure_changed)

    @property
    def words(self) -> str:
        """What the engine said where a computation failed."""
        return str(self.verification.details.get("words", ""))

    @property
    def snapshot_gone(self) -> bool:
        """Whether it was the recorded snapshot that could not be read any more."""
        return bool(self.verification.details.get("recorded") == Half.GONE)

    @property
    def no_history(self) -> bool:
        """Whether the engine keeps none, so that only the newest data could be asked."""
        return bool(self.verification.details.get("recorded") == Half.NO_HISTORY)

    @property
    def since(self) -> int | None:
        """The version of the definition that the figure was computed by, where another one is in force."""
        return (self.verification.details.get("definition") or {}).get("before")


def checked(metric: Metric, figure: Figure) -> Checked | None:
    """Return the newest verdict on the figure's evidence; None before the first."""
    found = Verification.objects.filter(evidence=figure.point.evidence_id).select_related("by")
    newest = found.order_by("-checked_at").first()
    if newest is None:
        return None
    period = figure.point.starts_on.isoformat()
    change = newest.details.get("changes", {}).get(period)
    judged_by = newest.details.get("definition_hash", "")
    return Checked(
        verification=newest,
        before=change["before"] if change else figure.value,
        after=change["after"] if change else figure.value,
        figure_changed=change is not None,
        newer_data=_newer_data(newest),
        newer_definition=metric.version is not None and judged_by != metric.version.definition_hash,
    )


def under_way(evidence_id: UUID, user: User) -> Node | None:
    """Return the verification that runs now, or that failed after the newest verdict."""
    reference = ("verification", str(evidence_id))
    return nodes.resolve([reference], user).get(reference)


def _newer_data(verification: Verification) -> bool:
    if verification.snapshot is None:
        return False
    read = verification.details.get("reads", [])
    published = Dataset.objects.filter(physical_name__in=read).aggregate(newest=Max("snapshot"))["newest"]
    return published is not None and published > verification.snapshot
