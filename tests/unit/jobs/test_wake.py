"""Waking never waits: whatever the broker does, the caller goes on at once."""

import threading
import time

import pytest
from kombu.exceptions import OperationalError

from jobs.engine import wake
from portal.celery import LONGEST_PAUSE, app


def test_a_hung_broker_costs_the_caller_nothing_and_a_full_queue_drops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hangs, never = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        hangs.set()
        never.wait(3600)

    monkeypatch.setattr(app, "send_task", hang)
    sender = wake.Sender()
    sender.wake("default")
    assert hangs.wait(5)
    began = time.monotonic()
    taken = [sender.wake("default") for _ in range(wake.LIMIT + 50)]
    assert time.monotonic() - began < 1
    assert taken == [True] * wake.LIMIT + [False] * 50


def test_a_broker_that_fails_does_not_end_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    second = threading.Event()

    def send(_task: str, *, queue: str, **_: object) -> None:
        sent.append(queue)
        if len(sent) == 1:
            raise ConnectionError("refused")
        second.set()

    monkeypatch.setattr(app, "send_task", send)
    sender = wake.Sender()
    sender.wake("etl")
    sender.wake("a-pool-without-a-queue")
    assert second.wait(5)
    assert sent == ["etl", "default"]


def test_a_lost_broker_is_looked_for_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def note(error: Exception, pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 10:
            raise error

    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _seconds: None)
    with app.connection_for_read("redis://127.0.0.1:1/0") as connection, pytest.raises(OperationalError):
        connection.ensure_connection(note)
    assert pauses == [2, *[LONGEST_PAUSE] * 9]
