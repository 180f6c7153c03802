"""Statements that the server keeps planned: the same rows, and whole statements where it cannot keep them."""

import datetime as dt
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import QuerySet, Value

from portal.accounts import planned
from portal.accounts.models import Team, User
from portal.accounts.planned import Plans
from portal.accounts.prepared import Prepared
from portal.demo.people import load_people
from tests.sent import sent_words

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setattr(Plans, "on", True)
    connection.close()
    return load_people()["ada"]


def by_key(*, pk: int) -> QuerySet[User]:
    return User.objects.filter(pk=pk, is_active=True)


def test_it_is_prepared_once_and_executed_from_then_on(ada: User) -> None:
    users: Prepared[User] = Prepared(by_key)
    with sent_words() as sent:
        assert users(pk=ada.pk) == [ada]
        assert users(pk=ada.pk) == [ada]
        assert users(pk=-1) == []
    assert sent == ["PREPARE", "EXECUTE", "EXECUTE", "EXECUTE"]


@pytest.mark.parametrize(
    "values",
    [
        {"email": "ada@example.com"},
        {"pk__in": [1, 2, 3]},
        {"pk__in": []},
        {"created_at__lt": dt.datetime(2100, 1, 1, tzinfo=dt.UTC)},
        {"name__lt": "100 %s"},
        {"pk": 10**30},
    ],
)
def test_rows_are_those_of_the_queryset(ada: User, values: dict[str, Any]) -> None:
    def build(**values: Any) -> QuerySet[User]:
        return User.objects.exclude(name="50 % of 'all'").filter(**values).order_by("pk")

    users: Prepared[User] = Prepared(build)
    for _ in range(2):
        assert users(**values) == list(build(**values))


def test_constants_stand_in_the_text_and_each_value_once(ada: User) -> None:
    users: Prepared[User] = Prepared(lambda *, pk: User.objects.filter(pk=pk, id__lte=pk, name__gt="%s"))
    assert users(pk=ada.pk) == [ada]
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, parameter_types::text FROM pg_prepared_statements")
        ((text, types),) = cursor.fetchall()
    assert types == "{bigint}"
    assert text.count("$1") == 2
    assert "'%s'" in text


def test_a_new_connection_prepares_anew(ada: User) -> None:
    users: Prepared[User] = Prepared(by_key)
    users(pk=ada.pk)
    connection.close()
    with sent_words() as sent:
        assert users(pk=ada.pk) == [ada]
    assert sent == ["PREPARE", "EXECUTE"]


def test_within_a_transaction_it_is_sent_whole(ada: User) -> None:
    users: Prepared[User] = Prepared(by_key)
    with transaction.atomic(), sent_words() as sent:
        assert users(pk=ada.pk) == [ada]
    assert sent == ["SELECT"]


def test_behind_a_pool_that_changes_connections_all_are_sent_whole(ada: User) -> None:
    users: Prepared[User] = Prepared(by_key)
    users(pk=ada.pk)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with sent_words() as sent:
        assert users(pk=ada.pk) == [ada]
        assert users(pk=ada.pk) == [ada]
    assert [each for each in sent if each != "EXECUTE"] == ["SELECT", "SELECT"]
    assert not Plans.on


def test_so_they_are_where_another_client_has_prepared_the_same(ada: User) -> None:
    users: Prepared[User] = Prepared(by_key)
    users(pk=ada.pk)
    Plans.named[connection.connection].clear()
    assert users(pk=ada.pk) == [ada]
    assert not Plans.on


def test_a_column_that_was_altered_meanwhile_is_read_as_it_is_now(ada: User) -> None:
    teams: Prepared[Team] = Prepared(lambda *, key: Team.objects.filter(key=key))
    (team,) = teams(key="data")
    try:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_team ALTER COLUMN key TYPE text")
        with sent_words() as sent:
            assert teams(key="data") == [team]
            assert teams(key="data") == [team]
        assert [each for each in sent if each != "EXECUTE"] == ["SELECT", "PREPARE"]
    finally:
        with connection.cursor() as cursor:
            length = Team._meta.get_field("key").max_length
            cursor.execute(f"ALTER TABLE accounts_team ALTER COLUMN key TYPE varchar({length})")


def test_a_value_of_no_known_type_is_sent_in_the_whole_statement(ada: User) -> None:
    doubled: Prepared[Any] = Prepared(
        lambda *, pk: User.objects.filter(pk=pk).annotate(same=Value(pk) + Value(pk)).values_list("same")
    )
    with sent_words() as sent:
        assert doubled(pk=ada.pk) == [(2 * ada.pk,)]
        assert doubled(pk=ada.pk) == [(2 * ada.pk,)]
    assert [each for each in sent if each != "PREPARE"] == ["SELECT", "SELECT"]
    assert Plans.on


def test_a_statement_that_is_wrong_says_so_as_it_would_otherwise(ada: User) -> None:
    users: Prepared[User] = Prepared(
        lambda *, pk: User.objects.filter(pk=pk).extra(where=["no_such_column = 1"])
    )
    for _ in range(2):
        with pytest.raises(ProgrammingError, match="no_such_column"):
            users(pk=ada.pk)
    assert Plans.on


def test_a_connection_keeps_a_bounded_number(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned, "_MOST", 3)
    for name in "abcdefg":
        users: Prepared[User] = Prepared(
            lambda *, pk, name=name: User.objects.filter(pk=pk).exclude(name=name)
        )
        assert users(pk=ada.pk) == [ada]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (1,)
    assert Plans.on
