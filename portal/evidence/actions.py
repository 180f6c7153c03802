"""Keep what verifying has found."""

from typing import Any
from uuid import UUID

from django.db import transaction

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from portal.evidence.models import Evidence, Verification
from portal.evidence.verify import Findings


@transaction.atomic
def record_verification(
    *,
    evidence: Evidence,
    findings: Findings,
    about: tuple[str, str, str],
    run_id: UUID,
    user: User | None,
    by: Actor,
    **details: Any,
) -> Verification:
    """Keep a verdict on evidence; ``about`` names what the evidence stands behind, for the audit trail.

    ``user`` is who asked for it.
    """
    verification = Verification.objects.create(
        evidence=evidence,
        verdict=findings.verdict,
        details={**findings.model_dump(mode="json", exclude={"verdict", "snapshot"}), **details},
        snapshot=findings.snapshot,
        run_id=run_id,
        by=user,
    )
    record(
        "evidence.verified",
        by=by,
        about=about,
        evidence=str(evidence.pk),
        verdict=findings.verdict.value,
        snapshot=findings.snapshot,
        run=str(run_id),
    )
    return verification
