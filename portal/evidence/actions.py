"""Keep evidence with its result, cite it, and keep what verifying has found."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from portal.events import Reference
from portal.evidence.keeping import uncited
from portal.evidence.models import Citation, Evidence, Result, Verification
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


# No savepoint of its own: it stands in the transaction that ends a run, or in none.
@transaction.atomic(savepoint=False)
def record_result(
    *,
    sql: str,
    parameters: Mapping[str, Any],
    dialect: str,
    engine: str,
    snapshot: int | None,
    tables: Sequence[str],
    columns: Sequence[Mapping[str, str]],
    rows: Sequence[Sequence[Any]],
    row_count: int,
    cut: bool,
    result_hash: str,
    duration_ms: int,
    charts: Mapping[str, Mapping[str, str]],
    run_id: UUID,
) -> Evidence:
    """Keep a query with the rows it gave; the run that computed it is its witness, so no audit event."""
    evidence = Evidence.objects.create(
        sql=sql,
        parameters=dict(parameters),
        dialect=dialect,
        engine=engine,
        snapshot=snapshot,
        tables=sorted(set(tables)),
        row_count=row_count,
        result_hash=result_hash,
        duration_ms=duration_ms,
        run_id=run_id,
    )
    Result.objects.create(
        evidence=evidence, columns=list(columns), rows=list(rows), cut=cut, charts=dict(charts)
    )
    return evidence


@transaction.atomic
def cite(*, evidence: Evidence, about: Reference, title: str, user: User | None, by: Actor) -> Citation:
    """Let evidence stand behind something, last in its order; the second time changes the title only."""
    kind, key = about
    title = " ".join(title.split())[:200]
    last = Citation.objects.about(kind, key).aggregate(last=Max("position"))["last"]
    citation, created = Citation.objects.get_or_create(
        evidence=evidence,
        about_kind=kind,
        about_key=key,
        defaults={
            "title": title,
            "position": 0 if last is None else last + 1,
            "created_by": user,
        },
    )
    if not created and citation.title != title:
        citation.title = title
        citation.save(update_fields=["title"])
    if created:
        record("evidence.cited", by=by, about=(kind, key, title), evidence=str(evidence.pk))
    return citation


@transaction.atomic
def uncite(*, citation: Citation, by: Actor) -> None:
    """Take evidence away from what it stood behind; the evidence itself is kept while others cite it."""
    record(
        "evidence.uncited",
        by=by,
        about=(citation.about_kind, citation.about_key, citation.title),
        evidence=str(citation.evidence_id),
    )
    citation.delete()


@transaction.atomic
def forget_uncited(*, now: dt.datetime, about: tuple[str, str, str], by: Actor, **details: int) -> int:
    """Remove evidence of some age that nobody cites, with its result and verdicts; return how many went.

    ``details`` are what else the same tidying has let go, for the audit trail.
    """
    # Locked: whoever cites one of them at this moment waits, and is told that it is gone.
    found = list(uncited(now).select_for_update(of=("self",)).values_list("pk", flat=True))
    Evidence.objects.filter(pk__in=found).delete()
    if found or any(details.values()):
        record("evidence.tidied", by=by, about=about, results=len(found), **details)
    return len(found)


@transaction.atomic
def move_citation(*, citation: Citation, step: int) -> None:
    """Move a citation up (-1) or down (1) among those of the same thing; at the end it stays."""
    beside = list(
        Citation.objects.about(citation.about_kind, citation.about_key)
        .select_for_update()
        .order_by("position", "id")
    )
    place = next(index for index, each in enumerate(beside) if each.pk == citation.pk)
    target = place + step
    if not 0 <= target < len(beside):
        return
    beside[place], beside[target] = beside[target], beside[place]
    for position, each in enumerate(beside):
        if each.position != position:
            each.position = position
            each.save(update_fields=["position"])
