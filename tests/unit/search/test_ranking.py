"""The order of hits, and that a search never tells of what its reader may not know."""

import pytest

from catalog.actions.search import reindex
from catalog.choices import Certification, Visibility
from catalog.filters import search
from catalog.models import Asset
from portal.accounts.models import Team
from tests.factories import catalog

pytestmark = pytest.mark.django_db


def keys(text, user=None):
    assets = Asset.objects.visible_to(user) if user else Asset.objects.all()
    return [hit.asset.key for hit in search(assets, text).hits]


def test_the_stages_stand_in_their_order():
    catalog.dataset("e", name_en="Other", description_en="about revenue")
    catalog.dataset("d", name_en="Some", columns=["revenue"])
    catalog.dataset("c", name_en="Net revenue")
    catalog.dataset("b", name_en="Revenue by day")
    catalog.dataset("a", name_en="Revenue")
    found = search(Asset.objects.all(), "revenue").hits
    assert [hit.asset.key for hit in found] == ["a", "b", "c", "d", "e"]
    assert [str(hit.why) for hit in found] == [
        "same name",
        "name begins with it",
        "in the name",
        "in a column",
        "in the description or tags",
    ]
    assert [hit.column for hit in found] == ["", "", "", "revenue", ""]


def test_a_metric_stands_above_a_dataset_of_the_same_stage():
    catalog.dataset("b", name_en="Net revenue")
    catalog.metric("a", name_en="Net revenue of all shops")
    assert keys("revenue") == ["a", "b"]


def test_what_is_deprecated_falls_behind():
    catalog.dataset("old", name_en="Revenue", certification=Certification.DEPRECATED)
    catalog.dataset("new", name_en="Net revenue")
    catalog.dataset("prefix", name_en="Revenue by day")
    assert keys("revenue") == ["old", "prefix", "new"]


def test_what_is_certified_wins_among_equals():
    catalog.dataset("b", name_en="Net revenue", certification=Certification.CERTIFIED)
    catalog.dataset("a", name_en="All revenue")
    assert keys("revenue") == ["b", "a"]


def test_a_query_that_is_met_in_part_counts_in_part():
    catalog.dataset("half", name_en="Revenue")
    assert keys("revenue tomatoes") == ["half"]
    assert keys("revenue tomatoes cucumbers") == []


def test_a_private_thing_is_found_by_its_team_only(cast):
    catalog.dataset(
        "secret",
        name_en="Campaign budget",
        visibility=Visibility.TEAM,
        team=Team.objects.get(key="marketing"),
        owner=cast.ada,
    )
    assert keys("campaign", cast.ada) == keys("campaign", cast.ben) == ["secret"]
    assert keys("campaign", cast.finn) == []
    assert search(Asset.objects.visible_to(cast.finn), "campaign").total == 0


def test_a_thing_made_private_is_gone_from_the_next_search(cast):
    team = Team.objects.get(key="marketing")
    made = catalog.dataset("plan", name_en="Campaign plan", owner=cast.ada, team=team)
    assert keys("campaign", cast.finn) == ["plan"]
    Asset.objects.filter(pk=made.pk).update(visibility=Visibility.TEAM)
    assert keys("campaign", cast.finn) == []


def test_new_words_are_found_and_old_ones_are_not():
    made = catalog.dataset("a", name_en="Revenue")
    Asset.objects.filter(pk=made.pk).update(name_en="Turnover")
    assert reindex([made.asset]) == 1
    assert keys("turnover") == ["a"]
    assert keys("revenue") == []


def test_the_sample_of_a_dataset_is_not_searched():
    catalog.dataset("a", sample={"columns": ["name"], "rows": [["Hong Gildong"]]})
    assert keys("Gildong") == []


def test_a_search_takes_three_queries(django_assert_num_queries):
    for number in range(20):
        catalog.dataset(f"d{number}", columns=["revenue"])
    with django_assert_num_queries(3):
        assert len(keys("revenue")) == 20
