"""Seal a text for one place in the database and open it there, and nowhere else.

Form: ``v1:<key id>:<base64 of nonce, ciphertext and tag>``. The place (table, primary key, field) is
authenticated with it, so that a value copied into another row opens no more than one that was changed.
"""

import base64
import binascii
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import models

from portal.vault import keyring
from portal.vault.exceptions import Tampered

_NONCE: Final = 12
_VERSION: Final = "v1"


class SealedField(models.TextField):  # type: ignore[type-arg]
    """A text that only this module reads and writes; by its class rotation finds all of them."""


def seal(row: models.Model, field: str, text: str) -> None:
    """Put the sealed text into a row's field; its primary key must be known already. Does not save."""
    if row.pk is None:
        message = f"{type(row).__name__} needs a primary key before its {field} can be sealed"
        raise RuntimeError(message)
    setattr(row, field, _seal(text.encode(), _place(row, field)))


def unseal(row: models.Model, field: str) -> str:
    """Return the text; raises MissingKey, Tampered or BadKeyRing."""
    return _unseal(getattr(row, field), _place(row, field)).decode()


def key_of(sealed: str) -> str:
    """Return the id of the key that sealed a value ("" for none)."""
    version, _, rest = sealed.partition(":")
    return rest.partition(":")[0] if version == _VERSION else ""


def _place(row: models.Model, field: str) -> bytes:
    return f"{row._meta.db_table}:{row.pk}:{field}".encode()


def _seal(data: bytes, place: bytes) -> str:
    ring = keyring.load()
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + AESGCM(ring.key(ring.current)).encrypt(nonce, data, place)
    return f"{_VERSION}:{ring.current}:{base64.b64encode(sealed).decode()}"


def _unseal(text: str, place: bytes) -> bytes:
    key_id = key_of(text)
    if not key_id:
        raise Tampered
    key = keyring.load().key(key_id)
    try:
        sealed = base64.b64decode(text.rpartition(":")[2], validate=True)
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise Tampered from error
