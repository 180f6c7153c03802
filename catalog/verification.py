"""Read what verifying has found about a shown figure."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Max

from catalog.models import Dataset, Metric
from catalog.series import Figure
from portal.accounts.models import User
from portal.events import Node
from portal.evidence import verdicts
from portal.evidence.models import Verification
from portal.evidence.verdicts import Judged, newest_verifications


@dataclass(frozen=True, slots=True)
class Checked(Judged):
    """The newest verdict on a figure's evidence, what it says of the figure, and of its definition since."""

    before: float | None
    after: float | None
    figure_changed: bool
    newer_definition: bool

    @property
    def is_current(self) -> bool:
        """Whether neither data nor definition have changed since."""
        return not (self.newer_data or self.newer_definition)

    @property
    def others(self) -> int:
        """How many other periods of the series have another value now."""
        return self.changed_count - int(self.figure_changed)

    @property
    def since(self) -> int | None:
        """The version of the definition that the figure was computed by, where another one is in force."""
        return (self.verification.details.get("definition") or {}).get("before")


def checked(metric: Metric, figure: Figure) -> Checked | None:
    """Return the newest verdict on the figure's evidence; None before the first."""
    newest = newest_verifications([figure.point.evidence_id]).get(figure.point.evidence_id)
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
    return verdicts.under_way([evidence_id], user).get(evidence_id)


def _newer_data(verification: Verification) -> bool:
    if verification.snapshot is None:
        return False
    read = verification.details.get("reads", [])
    published = Dataset.objects.filter(physical_name__in=read).aggregate(newest=Max("snapshot"))["newest"]
    return published is not None and published > verification.snapshot
