"""The chain that seals the audit trail: order, stragglers, several sealers, and what verify notices."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError

from jobs.engine.clock import Ticker
from portal.audit import sealing, verifying
from portal.audit.actions import Actor, record
from portal.audit.chain import GENESIS, canonical, link
from portal.audit.models import AuditEvent, AuditSeal, SealingMark
from portal.audit.sealing import seal_events
from portal.audit.verifying import BadCheckpoint, Broken, Checkpoint, verify

TESTER = Actor.system("test")


def happen(count: int = 1) -> list[AuditEvent]:
    with transaction.atomic():
        return [
            record("thing.done", by=TESTER, about=("job", "k", "이름"), n=n, of=1.5) for n in range(count)
        ]


def tamper(statement: str, *values: int) -> None:
    """Be the superuser who switches the triggers off."""
    tables = ("audit_auditevent", "audit_auditseal")
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def take_out(event: AuditEvent) -> None:
    tamper("DELETE FROM audit_auditevent WHERE id = %s", event.pk)


def give_up() -> None:
    """Take an id and roll back."""
    with transaction.atomic():
        record("thing.undone", by=TESTER)
        transaction.set_rollback(True)


class Elsewhere(threading.Thread):
    """A transaction of another process: it records one event and commits when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded, self.may_end = threading.Event(), threading.Event()
        self.event = 0
        self.start()
        assert self.recorded.wait(10)

    def run(self) -> None:
        try:
            with transaction.atomic():
                self.event = record("thing.done", by=TESTER).pk
                self.recorded.set()
                self.may_end.wait(10)
        finally:
            connection.close()

    def commit(self) -> None:
        self.may_end.set()
        self.join(10)


@pytest.mark.django_db
def test_the_chain_is_what_its_definition_says() -> None:
    first, second = happen(2)
    assert seal_events() == 2
    one, two = AuditSeal.objects.all()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (one.seq, one.event, one.hash) == (1, first.pk, link(GENESIS, first))
    assert (two.seq, two.event, two.hash) == (2, second.pk, link(one.hash, second))
    assert seal_events() == 0
    assert verify().end == Checkpoint(2, two.hash)


@pytest.mark.django_db
def test_an_event_is_written_in_one_form_only() -> None:
    event = happen()[0]
    event.refresh_from_db()
    written = canonical(event).decode()
    assert json.dumps(json.loads(written), sort_keys=True, separators=(",", ":")) == written
    assert written.isascii()
    assert json.loads(written)["object_label"] == "이름"
    assert json.loads(written)["at"].endswith("+00:00")


@pytest.mark.django_db
def test_more_events_than_a_batch_holds_are_all_sealed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    monkeypatch.setattr(verifying, "CHUNK", 4)
    happen(17)
    rounds = [seal_events() for _ in range(5)]
    assert rounds == [6, 6, 5, 0, 0]
    assert list(AuditSeal.objects.values_list("event", flat=True)) == sorted(
        AuditEvent.objects.values_list("pk", flat=True)
    )
    assert SealingMark.objects.get().floor == max(AuditEvent.objects.values_list("pk", flat=True))
    assert verify().end.seq == 17


@pytest.mark.django_db
def test_the_clock_seals() -> None:
    happen(2)
    Ticker().tick()
    assert AuditSeal.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_is_sealed_behind_those_with_higher_ids() -> None:
    late = Elsewhere()
    early = happen()[0]
    assert late.event < early.pk
    assert seal_events() == 1
    assert SealingMark.objects.get().floor < late.event
    later = happen()[0]
    assert seal_events() == 1
    late.commit()
    assert seal_events() == 1
    order = list(AuditSeal.objects.order_by("seq").values_list("event", flat=True))
    assert order == [early.pk, later.pk, late.event]
    assert verify().waiting == 0
    seal_events()
    assert SealingMark.objects.get().floor == later.pk


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_rolled_back_holds_nothing_up() -> None:
    give_up()
    event = happen()[0]
    assert seal_events() == 1
    assert SealingMark.objects.get().floor == event.pk


@pytest.mark.django_db(transaction=True)
def test_writers_do_not_wait_for_a_sealer() -> None:
    happen()
    with transaction.atomic():
        assert sealing._seal_batch() == 1
        writer = Elsewhere()
        writer.commit()
        assert not writer.is_alive()
    assert seal_events() == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_sealer_steps_aside_and_waits_for_nobody() -> None:
    happen()
    answers: list[int] = []

    def seal() -> None:
        answers.append(seal_events())
        connection.close()

    other = threading.Thread(target=seal)
    with transaction.atomic():
        assert sealing._seal_batch() == 1
        other.start()
        other.join(3)
        answered = list(answers)
    other.join(10)
    assert answered == [0]


@pytest.mark.django_db(transaction=True)
def test_a63_sealers_and_writers_at_once_make_one_chain() -> None:
    stop = threading.Event()
    done = threading.Semaphore(0)
    failed: list[BaseException] = []

    def work(step: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                step()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    def write() -> None:
        for _ in range(60):
            happen()
            give_up()
        done.release()
        stop.wait(20)

    threads = [
        threading.Thread(target=work, args=(step,)) for step in (write, write, write, *3 * (seal_events,))
    ]
    for thread in threads:
        thread.start()
    assert all(done.acquire(timeout=20) for _ in range(3))
    stop.set()
    for thread in threads:
        thread.join(10)
    assert failed == []
    seal_events()
    found = verify()
    assert (found.end.seq, found.waiting) == (180, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}"])
def test_a63_the_database_refuses_to_change_a_seal(statement: str) -> None:
    happen()
    seal_events()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("audit_auditseal"))
    assert AuditSeal.objects.count() == 1


@pytest.mark.django_db
def test_no_event_is_sealed_twice() -> None:
    happen()
    seal_events()
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditSeal.objects.create(seq=2, event=AuditSeal.objects.get().event, hash="0" * 64)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "at + interval '1 microsecond'"),
        ("action", "'thing.undone'"),
        ("actor_kind", "'token'"),
        ("actor_id", "'7'"),
        ("actor_label", "'somebody else'"),
        ("object_kind", "'run'"),
        ("object_id", "'other'"),
        ("object_label", "'other'"),
        ("data", "data || '{\"n\": 99}'"),
        ("request_id", "'other'"),
    ],
)
def test_a63_each_field_of_an_event_is_sealed(column: str, value: str) -> None:
    events = happen(5)
    seal_events()
    change = "UPDATE audit_auditevent SET $ WHERE id = %s".replace("$", f"{column} = {value}")
    tamper(change, events[2].pk)
    with pytest.raises(Broken, match=rf"Event {events[2].pk} or its seal 3 was changed"):
        verify()


@pytest.mark.django_db
def test_a63_an_event_that_was_taken_out_is_named() -> None:
    events = happen(5)
    seal_events()
    take_out(events[1])
    with pytest.raises(Broken, match=rf"Event {events[1].pk} is missing: it was sealed as 2"):
        verify()


@pytest.mark.django_db
def test_a63_an_event_that_was_taken_out_with_its_seal_is_noticed() -> None:
    events = happen(5)
    seal_events()
    take_out(events[1])
    tamper("DELETE FROM audit_auditseal WHERE seq = 2")
    with pytest.raises(Broken, match=rf"Seal 2 is missing: the next one is seal 3, of event {events[2].pk}"):
        verify()


@pytest.mark.django_db
def test_a63_an_event_that_was_put_in_between_is_named() -> None:
    events = happen(2)
    low = events[0].pk - 1
    seal_events()
    tamper(
        "INSERT INTO audit_auditevent (id, action, actor_kind, actor_id, actor_label, object_kind, object_id,"
        " object_label, data, request_id) VALUES (%s, 'a.b', 'user', '1', 'x', '', '', '', '{}', '')",
        low,
    )
    with pytest.raises(Broken, match=f"Event {low} was put in afterwards"):
        verify()


@pytest.mark.django_db
def test_a63_a_tail_that_was_cut_is_caught_by_the_checkpoint(tmp_path: Path) -> None:
    events = happen(4)
    seal_events()
    kept = tmp_path / "checkpoint.json"
    call_command("verify_audit", write_checkpoint=kept)
    call_command("verify_audit", checkpoint=kept)
    take_out(events[3])
    tamper("DELETE FROM audit_auditseal WHERE seq = 4")
    with pytest.raises(Broken, match=rf"event {events[3].pk} was sealed and is gone"):
        verify()
    SealingMark.objects.update(floor=events[2].pk, candidate=events[2].pk)
    assert verify().end.seq == 3, "without a checkpoint a careful thief of the tail goes unseen"
    with pytest.raises(CommandError, match="stops at seal 3, the checkpoint knows 4") as caught:
        call_command("verify_audit", checkpoint=kept)
    assert caught.value.returncode == 1


@pytest.mark.django_db
def test_a63_a_chain_that_was_written_anew_is_caught_by_the_checkpoint(tmp_path: Path) -> None:
    happen(3)
    seal_events()
    kept = tmp_path / "checkpoint.json"
    call_command("verify_audit", write_checkpoint=kept)
    tamper("UPDATE audit_auditevent SET actor_label = 'nobody'")
    tamper("DELETE FROM audit_auditseal")
    SealingMark.objects.update(floor=0, candidate=0)
    seal_events()
    assert verify().end.seq == 3
    with pytest.raises(CommandError, match="written anew: seal 3"):
        call_command("verify_audit", checkpoint=kept)


@pytest.mark.django_db
def test_a_checkpoint_stays_good_while_the_trail_grows(tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint.json"
    call_command("verify_audit", write_checkpoint=kept)
    happen(2)
    seal_events()
    call_command("verify_audit", checkpoint=kept, write_checkpoint=kept)
    assert json.loads(kept.read_text())["seq"] == 2
    happen()
    assert verify(Checkpoint.read(kept)).waiting == 1


@pytest.mark.django_db
def test_a63_a_checkpoint_cannot_be_forged(tmp_path: Path, settings: Any) -> None:
    happen(2)
    seal_events()
    kept = tmp_path / "checkpoint.json"
    verify().end.write(kept)
    signed = json.loads(kept.read_text())
    for field, value in {"seq": 1, "hash": "0" * 64, "hmac": "0" * 64}.items():
        kept.write_text(json.dumps({**signed, field: value}))
        with pytest.raises(BadCheckpoint, match="changed, or written with another SECRET_KEY"):
            Checkpoint.read(kept)
    kept.write_text(json.dumps(signed))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key"
    assert Checkpoint.read(kept).seq == 2
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CommandError, match="SECRET_KEY"):
        call_command("verify_audit", checkpoint=kept)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seq": "x", "hash": "", "hmac": ""}', None])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "checkpoint.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadCheckpoint, match="is no checkpoint"):
        Checkpoint.read(path)


@pytest.mark.django_db
def test_no_checkpoint_is_written_of_a_broken_chain(tmp_path: Path) -> None:
    event = happen()[0]
    seal_events()
    tamper("UPDATE audit_auditevent SET actor_label = 'x' WHERE id = %s", event.pk)
    kept = tmp_path / "checkpoint.json"
    with pytest.raises(CommandError, match=f"Event {event.pk}"):
        call_command("verify_audit", write_checkpoint=kept)
    assert not kept.exists()


@pytest.mark.django_db
def test_an_empty_trail_holds() -> None:
    assert seal_events() == 0
    assert verify().end == Checkpoint(0, GENESIS)
