"""What a supervisor holds for a run beside its claim: the secrets that the job's configuration names.

They are opened once, here: the body gets these very values, and the log's redaction knows them.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, quote_plus

import structlog

from jobs.engine.claim import Claim
from jobs.models import Secret
from jobs.models.secret import secret_names
from portal.vault.exceptions import VaultError

log = structlog.get_logger(__name__)

# A shorter one would blacken half of the log, and tells as little when it is seen.
SHORTEST = 4


def with_secrets(claim: Claim) -> Claim:
    """Return the claim with the secrets it names; what is missing or cannot be opened is None.

    The body says so if it asks for one: a run must end with a reason, not leave its supervisor by an error.
    """
    names = secret_names(claim.config)
    if not names:
        return claim
    secrets: dict[str, str | None] = dict.fromkeys(names)
    hosts: dict[str, list[str]] = {}
    for secret in Secret.objects.filter(name__in=names):
        hosts[secret.name] = secret.hosts
        try:
            secrets[secret.name] = secret.value()
        except VaultError as error:
            log.warning("secret_not_opened", secret=secret.name, error=str(error))
    return replace(claim, secrets=secrets, secret_hosts=hosts)


def words_to_hide(secrets: Iterable[str | None]) -> tuple[str, ...]:
    """Return every form in which these values may stand in a line, the longest first."""
    found: set[str] = set()
    for value in filter(None, secrets):
        # A key of several lines is printed line by line.
        for part in {value, *value.splitlines()}:
            found |= {part, part.strip(), quote(part, safe=""), quote_plus(part), json.dumps(part)[1:-1]}
    return tuple(sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True))
