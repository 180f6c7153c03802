"""F25 in small: any number of equal triggers at once makes one run and no error."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from jobs.actions import runs
from jobs.choices import Trigger
from jobs.models import Job, Run
from tests.faults.processes import TESTS, job

pytestmark = pytest.mark.fault
THREADS = 50


def test_fifty_threads_with_one_key_make_one_run(committed: None) -> None:
    quick: Job = job("test-nothing")
    together = Barrier(THREADS)

    def trigger(_: int) -> tuple[object, bool]:
        try:
            together.wait(20)
            run, created = runs.trigger(
                job=quick,
                params={"note": "same"},
                by=TESTS,
                trigger=Trigger.API,
                requested_by=None,
                principal="token:1",
                idempotency_key="one",
            )
            return run.pk, created
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(trigger, range(THREADS)))
    assert len({identity for identity, _ in answers}) == 1
    assert [created for _, created in answers].count(True) == 1
    assert Run.objects.filter(job=quick).count() == 1
