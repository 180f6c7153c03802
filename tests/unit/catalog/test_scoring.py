"""Twelve checks, four a letter, each with a way to mend it."""

import pytest

from catalog.choices import Certification
from catalog.scoring import score
from tests.factories import catalog

pytestmark = pytest.mark.django_db
FULL = {
    "name_en": "On-time rate",
    "name_ko": "정시율",
    "description_en": "Share.",
    "description_ko": "비율이에요.",
    "certification": Certification.CERTIFIED,
}


def scored(metric, **known):
    return score(metric, **{"has_values": True, "has_chart": True, "upstream_known": True, **known})


def full(cast):
    made = catalog.metric(**FULL, owner=cast.ben)
    made.version.reason = "First wording."
    made.version.save()
    return made


def test_a_metric_with_everything_has_a_hundred(cast):
    found = scored(full(cast))
    assert found.points == 100
    assert [(part.done, part.total) for part in found.parts] == [(4, 4), (4, 4), (4, 4)]
    assert found.failing == []


@pytest.mark.parametrize(("known", "missing"), [("has_values", 2), ("has_chart", 1), ("upstream_known", 1)])
def test_what_is_not_there_costs_its_checks(cast, known, missing):
    assert len(scored(full(cast), **{known: False}).failing) == missing


@pytest.mark.parametrize("field", ["name_ko", "description_ko"])
def test_a_missing_language_costs_a_check(cast, field):
    made = full(cast)
    setattr(made.asset, field, "")
    assert len(scored(made).failing) == 1


def test_a_bare_metric_says_what_to_do():
    made = catalog.metric(version=catalog.definition(actionable={}))
    found = scored(made, has_values=False, has_chart=False, upstream_known=False)
    assert found.points == 0
    assert len(found.failing) == 12
    assert all(str(check.fix).endswith(".") for check in found.failing)
