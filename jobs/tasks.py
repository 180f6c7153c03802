"""The wake-up: the only message that the broker carries."""

from typing import Any

from celery import shared_task

from jobs.engine.drain import drain
from jobs.exceptions import WakeUpCarriesArguments


@shared_task(name="jobs.tasks.look_for_work", ignore_result=True, max_retries=0)
def look_for_work(*args: Any, **kwargs: Any) -> None:
    """Look for work; arguments mean that somebody else writes into the broker, and are refused."""
    if args or kwargs:
        raise WakeUpCarriesArguments
    drain(woken=True)
