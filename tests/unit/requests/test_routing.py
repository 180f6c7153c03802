"""Where a question goes: each rule, who is next in line, and what keeps somebody out of it."""

import pytest

from portal.accounts.models import Team
from portal.audit.actions import Actor
from requests_app.actions import questions, work
from requests_app.actions.defaults import ensure_defaults
from requests_app.choices import Rule
from requests_app.models import Calendar, PoolMember, SlaPolicy
from requests_app.routing import next_for, route_of
from tests.factories import catalog as catalog_factory
from tests.factories.questions import bring, make_absence, make_pool, make_question, make_tour

pytestmark = pytest.mark.django_db


@pytest.fixture
def central(cast):
    return make_pool("central", cast.ben, cast.eun)


def marketing():
    return Team.objects.get(key="marketing")


def ask(cast, **fields):
    return questions.ask(title="How late?", user=cast.ada, by=Actor.person(cast.ada), **fields).question


def test_without_anything_else_the_central_rotation_gets_it(cast, central):
    route = route_of(ask(cast))
    assert (route.rule, route.pool, route.person) == (Rule.ROTATION, central, cast.ben)
    assert [candidate.user for candidate in route.line] == [cast.ben, cast.eun]


def test_who_is_placed_with_the_askers_team_comes_before_the_rotation(cast, central):
    make_tour(cast.eun, marketing())
    route = route_of(ask(cast, on_behalf=marketing()))
    assert (route.rule, route.person) == (Rule.TOUR, cast.eun)


def test_a_tour_that_is_over_counts_no_more(cast, central):
    make_tour(cast.eun, marketing(), starts=-30, ends=-1)
    assert route_of(ask(cast, on_behalf=marketing())).rule == Rule.ROTATION


def test_the_owners_of_the_linked_data_come_before_the_tour(cast, central):
    make_tour(cast.eun, marketing())
    data = Team.objects.get(key="data")
    owners = make_pool("owners", cast.dan, kind="owner", team=data)
    catalog_factory.dataset("flights", team=data)
    route = route_of(ask(cast, on_behalf=marketing(), links=[("dataset", "flights")]))
    assert (route.rule, route.pool, route.person) == (Rule.OWNER, owners, cast.dan)


def test_the_team_the_asker_chose_comes_first(cast, central):
    data = Team.objects.get(key="data")
    make_pool("owners", cast.dan, kind="owner", team=data)
    catalog_factory.dataset("flights", team=data)
    chosen = make_pool("chosen", cast.eun)
    route = route_of(ask(cast, wanted_pool=chosen, links=[("dataset", "flights")]))
    assert (route.rule, route.pool, route.person) == (Rule.EXPLICIT, chosen, cast.eun)


def test_load_by_weight_decides_who_is_next(cast, central):
    bring(make_question(cast.ada, "The first"), "in_progress", lead=cast.cleo, analyst=cast.ben)
    assert route_of(ask(cast)).person == cast.eun
    bring(make_question(cast.ada, "The second"), "in_progress", lead=cast.cleo, analyst=cast.eun)
    PoolMember.objects.filter(user=cast.eun).update(weight=2)
    assert route_of(ask(cast)).person == cast.eun


def test_among_equals_whoever_waited_longest_is_next(cast, central):
    for person in (cast.eun, cast.ben):
        bring(make_question(cast.ada, "One"), "in_progress", lead=cast.cleo, analyst=person)
    assert route_of(ask(cast)).person == cast.eun


def test_the_absent_and_the_full_are_passed_over_and_stay_in_sight(cast, central):
    make_absence(cast.ben)
    PoolMember.objects.filter(user=cast.eun).update(wip_limit=1)
    bring(make_question(cast.ada, "One"), "in_progress", lead=cast.cleo, analyst=cast.eun)
    route = route_of(ask(cast))
    assert route.person is None
    assert {(each.user.name, each.absent, each.free) for each in route.line} == {
        ("Ben Cho", True, False),
        ("Eun Park", False, False),
    }


def test_nobody_answers_their_own_question(cast, central):
    mine = make_question(cast.ben)
    assert route_of(mine).person == cast.eun


def test_the_next_one_for_somebody_is_theirs_then_their_teams_then_their_pools(cast, central):
    make_tour(cast.ben, marketing())
    make_tour(cast.ben, marketing(), starts=-5)
    given = {"lead": cast.cleo, "analyst": cast.ben}
    pooled = bring(make_question(cast.ada, "In the pool"), "ready", **given)
    placed = bring(make_question(cast.ada, "In Marketing", on_behalf=marketing()), "ready", **given)
    own = bring(make_question(cast.ada, "For Ben"), "ready", **given)
    work.assign(question=own, assignee=cast.ben, user=cast.cleo, by=Actor.person(cast.cleo))
    order = []
    for _ in range(3):
        found = next_for(cast.ben)
        assert found
        order.append(found.pk)
        work.take(question=found, user=cast.ben, by=Actor.person(cast.ben))
    assert order == [own.pk, placed.pk, pooled.pk]
    assert next_for(cast.ben) is None


def test_a_rotation_that_nobody_is_in_is_worked_by_the_analysts(cast):
    pool = ensure_defaults()
    route = route_of(ask(cast))
    assert (route.rule, route.pool) == (Rule.ROTATION, pool)
    assert {each.user for each in route.line} == {cast.ben, cast.eun}


def test_what_somebody_set_up_is_left_as_it_is(cast, central):
    SlaPolicy.objects.create(key="ours", name_en="Ours", targets={"answer": 60}, calendar_key="night-shift")
    assert ensure_defaults() == central
    assert ensure_defaults() == central
    assert [policy.key for policy in SlaPolicy.objects.all()] == ["ours"]
    assert not Calendar.objects.exists()
