"""Which things rest on evidence that does not come out the same any more."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from portal.accounts.prepared import Prepared
from portal.evidence.choices import Verdict
from portal.evidence.models import Citation
from portal.evidence.verdicts import newest_verifications

# The gravest first.
_GRAVITY: Final = (
    Verdict.NOT_REPRODUCIBLE,
    Verdict.SOURCE_GONE,
    Verdict.DEFINITION_CHANGED,
    Verdict.INPUT_CHANGED,
)

_CITED: Prepared[tuple[str, UUID]] = Prepared(
    lambda *, kind, keys: Citation.objects.filter(about_kind=kind, about_key__in=keys).values_list(
        "about_key", "evidence"
    )
)


def gravest(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the verdict that weighs most among those that say that something is another than it was."""
    found = set(verdicts)
    return next((each for each in _GRAVITY if each in found), None)


def risks(kind: str, keys: Iterable[str]) -> dict[str, Verdict]:
    """Return of these things those at risk, with the gravest of the newest verdicts on their evidence.

    Two queries. It does not ask what a reader may see of that evidence: that something has changed may be
    told to whoever sees the thing, what has changed only to whoever sees the data.
    """
    behind: dict[str, list[Verdict]] = {}
    wanted = set(keys)
    links = _CITED(kind=kind, keys=wanted) if wanted else []
    newest = newest_verifications({evidence for _key, evidence in links})
    for key, evidence in links:
        if evidence in newest:
            behind.setdefault(key, []).append(Verdict(newest[evidence].verdict))
    weighed = {key: gravest(verdicts) for key, verdicts in behind.items()}
    return {key: verdict for key, verdict in weighed.items() if verdict is not None}
