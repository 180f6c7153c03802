"""Prepared querysets: the rows of the queryset itself for every reader and value, or a clear refusal."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Prefetch, QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import Membership, Team, User
from portal.accounts.permissions import Role
from portal.accounts.prepared import NotPreparable, Prepared, counting
from requests_app.models import DataRequest, Follower
from tests.conftest import Cast
from tests.factories.questions import make_question

VISIBLE: Prepared[DataRequest] = Prepared(
    lambda *, user: DataRequest.objects.visible_to(user).select_related("requester").order_by("pk")
)


def of_users(**values: Any) -> QuerySet[User]:
    return User.objects.filter(**values).order_by("pk")


def of_questions(**values: Any) -> QuerySet[DataRequest]:
    return DataRequest.objects.filter(**values).order_by("pk")


def test_everybody_gets_the_rows_of_the_queryset_whatever_their_roles_and_teams(cast: Cast) -> None:
    for asker in (cast.ada, cast.finn, cast.dan):
        for visibility in ("company", "team", "private"):
            make_question(asker, f"{asker.email} asks {visibility}", visibility=visibility)
    Follower.objects.create(
        question=DataRequest.objects.get(title="finn@example.com asks private"), user=cast.eun
    )
    several = 0
    for user in User.objects.all():
        for roles in ([], [Role.ANALYST], [Role.LEAD], user.roles):
            user.roles = list(roles)
            vars(user).pop("permissions", None)
            expected = list(DataRequest.objects.visible_to(user).order_by("pk"))
            found = VISIBLE(user=user)
            assert found == expected
            several += len(found) not in {0, 9}
    assert several > 5, "the readers must differ, or nothing is shown"
    assert cast.cleo.team_ids
    with CaptureQueriesContext(connection) as queries:
        assert VISIBLE(user=cast.cleo)[0].requester.name
    assert len(queries) == 1


def test_somebody_who_left_a_team_or_was_deactivated_is_another_reader(cast: Cast) -> None:
    make_question(cast.finn, visibility="team", on_behalf=Team.objects.filter(members=cast.finn).first())
    mate = User.objects.create(email="mate@example.com", name="Mate")
    Membership.objects.create(user=mate, team=cast.finn.memberships.get().team)
    assert len(VISIBLE(user=mate)) == 1
    mate.memberships.all().delete()
    assert VISIBLE(user=User.objects.get(pk=mate.pk)) == []
    cast.finn.is_active = False
    assert VISIBLE(user=cast.finn) == []


@pytest.mark.parametrize(
    ("build", "values"),
    [
        (of_users, {"pk": 1}),
        (of_users, {"email": "ada@example.com"}),
        (of_users, {"pk__in": [1, 2, 3]}),
        (of_users, {"pk__in": {2}}),
        (of_users, {"pk__in": []}),
        (of_users, {"created_at__lt": dt.datetime(2100, 1, 1, tzinfo=dt.UTC)}),
        (of_questions, {"decision_by__gte": dt.date(2020, 1, 1)}),
        # The values that stand in while the SQL is written do not fit a small column.
        (of_questions, {"priority": 3}),
    ],
)
def test_values_of_every_type_take_their_places(
    cast: Cast, build: Callable[..., QuerySet[Any]], values: dict[str, Any]
) -> None:
    make_question(cast.ada, decision_by=timezone.localdate() + dt.timedelta(days=30))
    prepared: Prepared[Any] = Prepared(build)
    for _ in range(2):
        assert prepared(**values) == list(build(**values))


def test_a_tuple_keeps_its_length_and_a_set_does_not(cast: Cast) -> None:
    seen: list[int] = []

    def build(*, ids: Any) -> QuerySet[User]:
        seen.append(len(ids))
        return User.objects.filter(pk__in=ids)

    prepared: Prepared[User] = Prepared(build)
    wanted = [cast.ada.pk, cast.ben.pk, cast.cleo.pk]
    assert len(prepared(ids=wanted)) == len(prepared(ids=set(wanted))) == len(prepared(ids=(*wanted,))) == 3
    assert len(prepared(ids=[*wanted, cast.dan.pk])) == 4
    # Written twice each, for comparison: once for the two sets of up to four, once for the tuple of three.
    assert seen == [4, 4, 3, 3]


def test_values_lists_counts_and_prefetched_rows_come_as_usual(cast: Cast) -> None:
    make_question(cast.ada)
    names: Prepared[str] = Prepared(lambda *, pk: of_users(pk=pk).values_list("name", flat=True))
    assert names(pk=cast.ada.pk) == [cast.ada.name]
    count: Prepared[int] = Prepared(lambda *, pk: counting(DataRequest.objects.filter(requester=pk)))
    assert (sum(count(pk=cast.ada.pk)), sum(count(pk=cast.ben.pk))) == (1, 0)
    asked: Prepared[User] = Prepared(lambda *, pk: of_users(pk=pk).prefetch_related("questions"))
    (ada,) = asked(pk=cast.ada.pk)
    with CaptureQueriesContext(connection) as queries:
        assert len(ada.questions.all()) == 1
    assert len(queries) == 0


@pytest.mark.parametrize(
    ("build", "value", "why"),
    [
        (lambda *, value: of_users(created_at__lt=timezone.now(), pk=value), 1, "reads the clock"),
        (lambda *, value: of_users(pk__in=list(User.objects.filter(pk=value))), 1, "reads the database"),
        (lambda *, value: of_users(name__contains=value), "a", "does not stand in the SQL"),
        (lambda *, value: of_users(pk=value, name=f"No. {value}"), 1, "stand in the text"),
        (lambda *, value: of_users(is_active=value), True, "a constant"),
        (lambda *, value: of_users(pk=value), None, "NoneType"),
        (
            lambda *, value: of_users(pk=value).prefetch_related(
                Prefetch("questions", DataRequest.objects.filter(requester=value))
            ),
            1,
            "prefetched",
        ),
        (lambda *, value: of_users(date=value.time_zone), User(pk=1), "reads the database"),
    ],
)
def test_what_cannot_be_written_once_is_refused(
    cast: Cast, build: Callable[..., QuerySet[Any]], value: Any, why: str
) -> None:
    with pytest.raises(NotPreparable, match=why):
        Prepared(build)(value=value)


def test_a_day_read_while_it_is_built_is_refused(cast: Cast) -> None:
    today = timezone.localdate()
    prepared: Prepared[DataRequest] = Prepared(
        lambda *, user: DataRequest.objects.visible_to(user).filter(decision_by=today)
    )
    with pytest.raises(NotPreparable, match="pass it as a value"):
        prepared(user=cast.ada)
