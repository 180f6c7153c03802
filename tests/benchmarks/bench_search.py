"""Measure the catalog's search in a synthetic catalog: p50 and p95 of the search itself, in this process.

Run by hand: ``python -m pytest tests/benchmarks/bench_search.py -m bench -s -o python_files=bench_*.py``;
SEARCH_ASSETS says how many assets (20,000).
"""

import os
import random
import re
import statistics
import time

import pytest
from django.db import connection

from catalog.choices import AssetKind
from catalog.filters import search
from catalog.models import Asset
from portal.search import document

pytestmark = [pytest.mark.bench, pytest.mark.django_db]
NOUNS_KO = re.findall(
    "[가-힣]+",
    "주문 상세 내역 회원 가입 매출 금액 결제 환불 배송 재고 상품 쿠폰 방문 세션 광고 유입 이탈 항공 도착 "
    "지연 결항",
)
NOUNS_EN = re.findall(
    "[a-z]+",
    "order detail member signup sales amount payment refund delivery stock item coupon visit session",
)
QUERIES = {
    "a frequent pair": "주문",
    "a compound": "주문상세",
    "a compound of three": "회원가입매출",
    "one syllable": "매",
    "a particle": "주문을",
    "English and Korean": "order 상세",
    "an identifier": "order_detail_17",
    "a column": "payment_amount",
    "an English prefix": "ord",
    "one letter": "o",
    "the wrong keyboard mode": "aocnf",
    "nothing": "없는낱말",
    "three words": "주문 결제 금액",
}


def fill(count):
    """Write assets with 20 columns and descriptions in both languages."""
    pick = random.Random(7)

    def words(nouns, number):
        return [pick.choice(nouns) for _ in range(number)]

    def make(number):
        name_ko = "".join(words(NOUNS_KO, 3))
        name_en = "_".join(words(NOUNS_EN, 2)) + f"_{number}"
        columns = ["_".join(words(NOUNS_EN, 2)) for _ in range(20)]
        meanings = ["".join(words(NOUNS_KO, 2)) for _ in range(20)]
        texts = [" ".join(words(NOUNS_KO, 15)) + "를 담아요.", " ".join(words(NOUNS_EN, 25))]
        return Asset(
            kind=AssetKind.METRIC if number % 20 == 0 else AssetKind.DATASET,
            key=name_en,
            name_en=name_en,
            name_ko=name_ko,
            search=document({"A": [name_en, name_ko], "C": [*columns, *meanings], "D": texts}),
        )

    for start in range(0, count, 500):
        Asset.objects.bulk_create(make(number) for number in range(start, min(start + 500, count)))
    with connection.cursor() as cursor:
        # As autovacuum leaves it.
        cursor.execute("ANALYZE catalog_asset")


def test_search_stays_fast(cast):
    count = int(os.environ.get("SEARCH_ASSETS", "20000"))
    fill(count)
    assets = Asset.objects.visible_to(cast.ada)
    print(f"\n{count} assets, in-process search as Ada, ms\n{'':26}{'hits':>6}{'p50':>9}{'p95':>9}")
    for label, text in QUERIES.items():
        times = []
        for _ in range(21):
            began = time.perf_counter()
            found = search(assets, text)
            times.append((time.perf_counter() - began) * 1000)
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{label:26}{found.total:>6}{statistics.median(times):9.1f}{p95:9.1f}")
        assert p95 < 500
