"""Measure questions at size: suggestions while typing, the queue, visibility, the tick, taking the next one.

Run by hand: ``python -m pytest tests/benchmarks/bench_questions.py -m bench -s -o python_files=bench_*.py``;
QUESTIONS says how many (200,000).
"""

import os
import statistics
import time

import pytest
from django.db import connection, transaction

from portal.accounts.models import Team
from requests_app import ticking
from requests_app.models import DataRequest
from requests_app.routing import next_for
from requests_app.suggestions import suggest
from tests.benchmarks.seed_questions import seed
from tests.factories.questions import make_pool

pytestmark = [pytest.mark.bench, pytest.mark.django_db]
ROUNDS = 30
TYPED = {
    "three frequent words": "how many flights to Boston",
    "a whole title": "How many delays to Newark in July weather carrier 17?",
    "words that nobody used": "zebra quantum marmalade pudding",
    "two Korean words": "항공편 지연",
    "a Korean sentence": "지난달 항공편 결항비율은 왜 높았나요",
    "mixed": "JFK 항공편 delays 지연 in June",
}


def measure(name, call):
    """Print p50 and p95 of a call in ms; return p95."""
    call()
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        took.append((time.perf_counter() - start) * 1000)
    p95 = statistics.quantiles(took, n=20)[-1]
    print(f"{name:44}{statistics.median(took):9.1f}{p95:9.1f}")
    return p95


def test_questions_stay_fast(cast):
    count = int(os.environ.get("QUESTIONS", "200000"))
    start = time.perf_counter()
    seed(
        count,
        askers=[cast.ada, cast.finn],
        analysts=[cast.ben, cast.eun],
        teams=list(Team.objects.filter(kind="business")),
    )
    make_pool("central", cast.ben, cast.eun)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('requests_app_datarequest') / 1048576")
        size = cursor.fetchone()[0]
    opened = DataRequest.objects.open().count()
    print(f"\n{count} questions, {opened} open, {size} MB, seeded in {time.perf_counter() - start:.0f} s")
    print(f"{'ms':44}{'p50':>9}{'p95':>9}")
    worst = max(
        measure(f"suggest: {name}", lambda words=words: suggest(words=words, user=cast.ada))
        for name, words in TYPED.items()
    )
    visible = DataRequest.objects.visible_to(cast.ada)
    measure("queue, 50 by order of work", lambda: list(visible.open().in_order_of_work().for_list()[:50]))
    measure("newest 50", lambda: list(visible.for_list().order_by("-id")[:50]))
    measure(
        "open ones of an analyst", lambda: list(DataRequest.objects.in_hands_of(cast.ben).for_list()[:50])
    )
    measure("used by a dataset", lambda: list(visible.about("dataset", "ops.flights17").order_by("-id")[:10]))
    measure("tick: deadlines", ticking.tell_deadlines)
    measure(
        "tick: wake, unblock, remind, accept", lambda: (ticking.wake_snoozed(), ticking.unblock_recovered())
    )

    def claim():
        with transaction.atomic():
            next_for(cast.ben)

    measure("next question for an analyst", claim)
    assert worst <= 60
