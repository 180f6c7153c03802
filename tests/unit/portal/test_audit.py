"""The audit trail."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory

from portal.audit.actions import Actor, actor_of, record
from portal.audit.models import AuditEvent

TESTER = Actor.system("test")


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_record_outside_the_change_it_speaks_of():
    with pytest.raises(RuntimeError, match="transaction"):
        record("thing.done", by=TESTER)


def test_a_failed_change_leaves_no_event(db):
    def change_and_fail():
        with transaction.atomic():
            record("thing.done", by=TESTER)
            raise ValueError

    with pytest.raises(ValueError):
        change_and_fail()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET action = 'nothing'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
    ],
)
def test_a63_the_database_refuses_to_change_the_trail(db, statement):
    record("thing.done", by=TESTER)
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert AuditEvent.objects.count() == 1


def test_long_names_are_cut_not_refused(db):
    event = record("thing.done", by=Actor.system("x" * 500), about=("job", "k" * 500, "n" * 500))
    assert len(event.actor_label) == 200
    assert len(event.object_label) == 300


def test_the_actor_of_a_page_is_the_person(cast):
    request = RequestFactory().get("/")
    request.user = cast.dan
    assert actor_of(request) == Actor("user", str(cast.dan.pk), "Dan Seo")


def test_nobody_signed_out_acts():
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with pytest.raises(RuntimeError):
        actor_of(request)
