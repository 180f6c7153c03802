"""The search is judged by a fixed set of queries: what people type, and what they want then."""

import tomllib
from pathlib import Path

import pytest

from catalog.filters import search
from catalog.models import Asset
from tests.unit.search import corpus

JUDGED = tomllib.loads((Path(__file__).parent / "judged.toml").read_text())["queries"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def catalog_of_an_airline(db):
    corpus.load()


def keys(text):
    return [hit.asset.key for hit in search(Asset.objects.all(), text).hits]


def judge(queries):
    """Return the mean reciprocal rank of the best, the share found in the top three, and the misses."""
    ranks, hits, misses = [], [], []
    for text, *wanted in queries:
        found = keys(text)
        rank = found.index(wanted[0]) + 1 if wanted[0] in found else 0
        ranks.append(1 / rank if rank else 0)
        hits.append(any(key in found[:3] for key in wanted))
        if rank != 1:
            misses.append((text, wanted, found[:4]))
    return sum(ranks) / len(ranks), sum(hits) / len(hits), misses


@pytest.mark.parametrize(
    ("language", "least_mrr", "least_hits"),
    [("ko", 0.95, 1.0), ("en", 0.95, 1.0), ("mixed", 0.9, 1.0), ("slip", 0.95, 1.0)],
)
def test_people_find_what_they_mean(catalog_of_an_airline, language, least_mrr, least_hits):
    mrr, hit_at_3, misses = judge(JUDGED[language])
    assert (mrr >= least_mrr, hit_at_3 >= least_hits) == (True, True), (mrr, hit_at_3, misses)


def test_the_judged_set_is_large_enough():
    assert sum(len(queries) for queries in JUDGED.values()) >= 60


def test_nonsense_finds_nothing(catalog_of_an_airline):
    assert keys("qzxwv") == []
    assert keys("쿠팡플레이") == []
