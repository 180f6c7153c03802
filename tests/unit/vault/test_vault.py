"""A42, A43: secrets at rest open in their own row only, by a key of the ring, and survive its rotation."""

import base64
import os
import re
import stat
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from jobs.actions import secrets
from jobs.models import Secret
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.vault import keyring
from portal.vault.exceptions import BadKeyRing, MissingKey, Tampered

TESTS = Actor.system("tests")
VALUE = "canary-of-a-value ü\nsecond line"


@pytest.fixture(autouse=True)
def ring(settings, tmp_path):
    settings.KEY_RING, settings.KEY_RING_FILE = "", tmp_path / "deep" / "key_ring"
    return settings.KEY_RING_FILE


@pytest.fixture
def stored(cast):
    def store(name="crm", value=VALUE):
        return secrets.add(name=name, purpose="", value=value, user=cast.dan, by=TESTS)

    return store


def ids(path):
    return [line.split()[0] for line in path.read_text().splitlines() if not line.startswith("#")]


def test_the_ring_is_made_once_and_for_its_owner_only(ring):
    first = keyring.load()
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert stat.S_IMODE(ring.parent.stat().st_mode) == 0o700
    assert keyring.load() == first
    assert [path.name for path in ring.parent.iterdir()] == ["key_ring"]
    assert base64.b64encode(first.key(first.current)).decode() in ring.read_text()
    assert repr(first.key(first.current)) not in repr(first)


def test_two_processes_at_the_first_start_have_one_ring(ring):
    found, start = [], threading.Barrier(8)

    def load():
        start.wait()
        found.append(keyring.load())

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(each == found[0] for each in found)


def test_a_ring_that_others_read_is_refused(ring):
    keyring.load()
    ring.chmod(0o640)
    with pytest.raises(BadKeyRing, match="chmod 600"):
        keyring.load()


@pytest.mark.parametrize("text", ["", "# nothing\n", "a short\n", "a " + "A" * 44, "noid\n", "twice"])
def test_a_ring_that_is_none_is_refused_and_not_repeated(ring, settings, text):
    key = base64.b64encode(b"k" * 32).decode()
    ring.parent.mkdir()
    ring.write_text(f"a {key}\na {key}\n" if text == "twice" else text)
    ring.chmod(0o600)
    with pytest.raises(BadKeyRing) as refused:
        keyring.load()
    assert key not in str(refused.value)
    settings.KEY_RING = "a:xx"
    with pytest.raises(BadKeyRing, match="KEY_RING holds"):
        keyring.load()


def test_a42_the_database_holds_no_plain_text(stored):
    secret = stored()
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(s)::text FROM jobs_secret s")
        row = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(row_to_json(a)::text, '') FROM audit_auditevent a")
        trail = cursor.fetchone()[0]
    for text in (row, trail):
        assert "canary" not in text
        assert base64.b64encode(VALUE.encode()).decode()[:12] not in text
    assert Secret.objects.get(pk=secret.pk).value() == VALUE
    before = secret.sealed
    secret.put(VALUE)
    assert secret.sealed != before


def test_a42_a_value_opens_in_its_own_row_only(stored):
    mine, other = stored("mine"), stored("other", "something else")
    Secret.objects.filter(pk=mine.pk).update(sealed=other.sealed)
    with pytest.raises(Tampered):
        Secret.objects.get(pk=mine.pk).value()


@pytest.mark.parametrize("change", ["flip", "cut", "empty", "version", "base64"])
def test_a42_a_changed_value_does_not_open(stored, change):
    secret = stored()
    head, key_id, text = secret.sealed.split(":")
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    secret.sealed = {
        "flip": f"{head}:{key_id}:{base64.b64encode(raw).decode()}",
        "cut": f"{head}:{key_id}:{text[:8]}",
        "empty": "",
        "version": f"v2:{key_id}:{text}",
        "base64": f"{head}:{key_id}:***",
    }[change]
    with pytest.raises(Tampered):
        secret.value()


def test_a43_rotation_seals_all_anew_and_the_old_key_can_go(stored, ring, capsys):
    names = [stored(f"s{number}", f"value-{number}").name for number in range(3)]
    old = ids(ring)[0]
    call_command("rotate_secrets")
    new = ids(ring)[0]
    assert ids(ring) == [new, old]
    assert all(f":{new}:" in secret.sealed for secret in Secret.objects.all())
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert AuditEvent.objects.get(action="secret.rotated").data == {"count": 3}
    call_command("rotate_secrets", "--forget")
    assert ids(ring) == [new]
    opened = {secret.name: secret.value() for secret in Secret.objects.all()}
    assert opened == {name: f"value-{name[1:]}" for name in names}
    assert "value-" not in capsys.readouterr().out


def test_a43_a_key_in_use_is_not_forgotten(stored, ring):
    secret = stored()
    keyring.add_key()
    call_command("rotate_secrets", "--forget")
    assert len(ids(ring)) == 2
    assert secret.value() == VALUE


def test_a43_a_missing_key_is_said_by_name_and_harms_no_other(stored, ring):
    lost = stored("lost")
    old = ids(ring)[0]
    lines = ring.read_text()
    keyring.add_key()
    ring.write_text(re.sub(rf"(?m)^{old} .*$", "", ring.read_text()))
    kept = stored("kept")
    with pytest.raises(MissingKey, match=old):
        lost.value()
    with pytest.raises(CommandError, match=f"{lost.pk}.*{old}") as failed:
        call_command("rotate_secrets")
    assert "canary" not in str(failed.value)
    kept.refresh_from_db()
    assert kept.value() == VALUE
    # Put back, the key opens it again.
    ring.write_text(ring.read_text() + lines)
    assert lost.value() == VALUE


def test_a43_a_ring_of_the_environment_is_never_written(stored, settings, ring, capsys):
    one, two = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    settings.KEY_RING = f"one:{one}"
    secret = stored()
    settings.KEY_RING = f"two:{two},one:{one}"
    call_command("rotate_secrets")
    secret.refresh_from_db()
    assert ":two:" in secret.sealed
    call_command("rotate_secrets", "--forget")
    assert "KEY_RING: one" in capsys.readouterr().out
    settings.KEY_RING = f"two:{two}"
    assert secret.value() == VALUE
    assert not Path(ring).exists()
