"""Read what verifying has found about evidence, and whether it still speaks of today."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.events import Node, nodes
from portal.evidence.choices import Half, Verdict
from portal.evidence.differing import RowDifference
from portal.evidence.models import Verification

_NEWEST: Prepared[Verification] = Prepared(
    lambda *, evidence: (
        Verification.objects.filter(evidence__in=evidence)
        .select_related("by")
        .order_by("evidence", "-checked_at")
        .distinct("evidence")
    )
)


@dataclass(frozen=True, slots=True)
class Judged:
    """The newest verdict on evidence; ``newer_data``: what it reads has been published again since."""

    verification: Verification
    newer_data: bool

    @property
    def verdict(self) -> Verdict:
        """The verdict's word."""
        return Verdict(self.verification.verdict)

    @property
    def label(self) -> str:
        """The verdict in words."""
        if self.verdict is Verdict.VERIFIED and self.rows is not None:
            return _("Same result again")
        return str(self.verdict.label)

    @property
    def is_current(self) -> bool:
        """Whether nothing has changed since."""
        return not self.newer_data

    @property
    def tone(self) -> str:
        """The tone of the verdict; what is out of date is neither good nor bad."""
        return self.verdict.tone if self.is_current else "neutral"

    @property
    def moved_on(self) -> bool:
        """Whether it found the number to be no more what it was."""
        return self.verdict is not Verdict.VERIFIED

    @property
    def tables(self) -> list[dict[str, Any]]:
        """The tables that hold something else now, each with its rows before and after."""
        return list(self.verification.details.get("tables", []))

    @property
    def rows(self) -> RowDifference | None:
        """The rows that came and went, of a table."""
        found = self.verification.details.get("rows")
        return RowDifference.model_validate(found) if found else None

    @property
    def changes(self) -> list[tuple[str, float | None, float | None]]:
        """The newest changed values of a series: period, before, after."""
        found = self.verification.details.get("changes", {})
        return [(period, found[period]["before"], found[period]["after"]) for period in sorted(found)[-10:]]

    @property
    def changed_count(self) -> int:
        """How many values of a series are others now."""
        return int(self.verification.details.get("changed_count", 0))

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


def newest_verifications(evidence: Iterable[UUID]) -> dict[UUID, Verification]:
    """Return the newest verification of each of these that has one, with who asked for it; one query."""
    wanted = set(evidence)
    return {each.evidence_id: each for each in _NEWEST(evidence=wanted)} if wanted else {}


def under_way(evidence: Iterable[UUID], user: User) -> dict[UUID, Node]:
    """Return the verifications that run now, or that failed after the newest verdict, by their evidence."""
    references = {("verification", str(pk)): pk for pk in evidence}
    found = nodes.resolve(references, user)
    return {pk: found[reference] for reference, pk in references.items() if reference in found}
