"""The work itself, the same whether in a forked body or inline: build the context, call the kind's runner."""

import logging
import shutil
import traceback
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs.choices import FOLLOWING_KINDS, ErrorClass
from jobs.complaints import fitted
from jobs.engine.claim import Claim
from jobs.runners.base import Context, Elsewhere, Kept, Reporter
from jobs.runners.registry import runner_for
from portal.said import Said, said, said_of
from portal.storage import is_full


def folder_of(claim: Claim) -> Path:
    """Return the attempt's own scratch folder; the fence keeps two attempts apart."""
    return Path(settings.VAR) / "runs" / f"{claim.run_id}-{claim.fence}"


def make_folder(claim: Claim) -> Path:
    """Make the attempt's scratch folder and return it."""
    folder = folder_of(claim)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def remove_folder(claim: Claim) -> None:
    """Remove the scratch folder, if the body made one."""
    folder = folder_of(claim)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def work(
    claim: Claim, reporter: Reporter, logger: logging.Logger, kept: Kept | None = None
) -> dict[str, Any]:
    """Run the kind's body and return the message of its end; ``kept`` is what a warm process has open."""
    runner = runner_for(claim.kind)
    context = Context(
        job_key=claim.job_key,
        config=fitted(runner.Config, claim.config, "config"),
        params=claim.params,
        run_id=claim.run_id,
        fence=claim.fence,
        attempt=claim.attempt,
        scratch=partial(folder_of, claim),
        log=logger,
        reporter=reporter,
        kept=kept,
        looks=claim.looks,
        secrets=claim.secrets,
        secret_hosts=claim.secret_hosts,
    )
    # By its kind: to look at the methods of a class costs a body as much as to begin.
    outcome = _look(runner, context, claim) if claim.kind in FOLLOWING_KINDS else runner.run(context)
    if outcome is None:
        return {"type": "stopped"}
    if isinstance(outcome, Elsewhere):
        return {"type": "elsewhere", "elsewhere": outcome.as_json(), "after": outcome.after}
    return {"type": "result", "outputs": outcome}


def _look(runner: Any, context: Context, claim: Claim) -> dict[str, Any] | Elsewhere | None:
    """Begin the work elsewhere, look how far it is, or stop it."""
    known = Elsewhere(**claim.elsewhere) if claim.elsewhere else None
    outcome: dict[str, Any] | Elsewhere | None
    if claim.stop:
        outcome = runner.stop(context, known)
    else:
        outcome = runner.follow(context, known) if known else runner.run(context)
    return outcome


def error_message(error: BaseException) -> dict[str, Any]:
    """Return the message that tells the supervisor why the body failed.

    An exception may say whose fault it is by its ``error_class`` (a value of ErrorClass), and in what place
    of a text by ``line`` and ``column``, both from 1.
    """
    error_class = str(getattr(error, "error_class", ErrorClass.USER_CODE))
    text = said_of(error) or type(error).__name__
    if isinstance(error, MemoryError):
        text = said("The memory was not enough.")
    elif is_full(error) or is_full(error.__cause__):
        error_class, text = ErrorClass.STORAGE, said("There is no space left on the disk.")
    elif error_class == ErrorClass.USER_CODE and not isinstance(text, Said):
        text = f"{type(error).__name__}: {text}"
    try:
        detail = "".join(traceback.format_exception(error))
    except MemoryError:
        detail = ""
    place = {name: getattr(error, name, None) for name in ("line", "column")}
    told = {name: number for name, number in place.items() if isinstance(number, int)}
    message = {"type": "error", "class": error_class, "message": text, "detail": detail, "place": told}
    return {**message, "said": text.kept} if isinstance(text, Said) else message
