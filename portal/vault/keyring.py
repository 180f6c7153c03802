"""The ring of keys: from KEY_RING in the environment, else from a file of our own that nobody else reads.

A line a key, ``id base64-of-32-bytes``; the first one seals, all of them open. It is read anew each
time: secrets are seldom needed, and a ring that was rotated by a command holds at once in every process.
"""

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from portal.vault.exceptions import BadKeyRing, MissingKey

KEY_BYTES: Final = 32
_LINE: Final = re.compile(r"([A-Za-z0-9_-]{1,40})[ :]+([A-Za-z0-9+/=]{44})")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by their ids, the sealing one first."""

    keys: dict[str, bytes] = field(repr=False)

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.keys))

    def key(self, key_id: str) -> bytes:
        """Return a key; raises MissingKey that says which one is wanted."""
        try:
            return self.keys[key_id]
        except KeyError:
            message = (
                f"The key {key_id!r} that sealed this value is not in the key ring: "
                "put it back as a further line of KEY_RING_FILE or entry of KEY_RING."
            )
            raise MissingKey(message) from None


def load() -> KeyRing:
    """Return the ring, which is made where there is none yet; raises BadKeyRing."""
    if settings.KEY_RING:
        return _parse(settings.KEY_RING.replace(",", "\n"), "KEY_RING")
    path = Path(settings.KEY_RING_FILE)
    if not path.exists():
        _make(path)
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The key ring {path} cannot be read ({type(error).__name__})."
        raise BadKeyRing(message) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        message = f"Others may read the key ring {path}: chmod 600 it."
        raise BadKeyRing(message)
    return _parse(text, str(path))


def add_key() -> str:
    """Put a new key in front of the file's others and return its id."""
    return _rewrite(lambda keys: {_new_id(): secrets.token_bytes(KEY_BYTES), **keys})


def forget(unused: set[str]) -> str:
    """Take keys out of the file; the sealing one stays."""
    ring = load()
    keep = {name: key for name, key in ring.keys.items() if name not in unused or name == ring.current}
    return _rewrite(lambda _: keep)


def in_file() -> bool:
    """Say whether the ring is a file of ours that commands may write."""
    return not settings.KEY_RING


def _parse(text: str, where: str) -> KeyRing:
    keys: dict[str, bytes] = {}
    for line in (each.strip() for each in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        try:
            key = base64.b64decode(match[2], validate=True) if match else b""
        except binascii.Error:
            key = b""
        if match is None or len(key) != KEY_BYTES or match[1] in keys:
            # The line is not repeated: it may be a key with a typing mistake.
            message = (
                f"{where} holds an entry that is no key (or one twice): each is a name, a blank or colon, "
                "and what «openssl rand -base64 32» prints."
            )
            raise BadKeyRing(message)
        keys[match[1]] = key
    if not keys:
        message = f"{where} holds no key: write a name, a blank, and what «openssl rand -base64 32» prints."
        raise BadKeyRing(message)
    return KeyRing(keys)


def _new_id() -> str:
    # Never the name of a key that was lost: its values must be missed, not taken for changed ones.
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"


def _make(path: Path) -> None:
    part = _write_beside(path, {_new_id(): secrets.token_bytes(KEY_BYTES)})
    try:
        # Fails where another process was faster: its ring is the one that counts.
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _rewrite(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> str:
    path = Path(settings.KEY_RING_FILE)
    changed = KeyRing(change(load().keys))
    _write_beside(path, changed.keys).replace(path)
    return changed.current


def _write_beside(path: Path, keys: dict[str, bytes]) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    lines = [f"{name} {base64.b64encode(key).decode()}\n" for name, key in keys.items()]
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(
            "# Keys of the secrets in the database; without them those are lost. Keep a copy elsewhere.\n"
        )
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    return part
