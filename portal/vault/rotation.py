"""Seal everything anew under the ring's first key, wherever a model has a sealed field."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models

from portal.vault import keyring
from portal.vault.exceptions import VaultError
from portal.vault.sealing import SealedField, key_of, seal, unseal


@dataclass(slots=True)
class Rotated:
    """How many values were sealed anew, and what could not be opened: its place and why."""

    count: int = 0
    problems: list[str] = field(default_factory=list)


def reseal() -> Rotated:
    """Seal anew what another key than the first one sealed; what cannot be opened stays as it is."""
    done = Rotated()
    current = keyring.load().current
    for model, name in _sealed_fields():
        for row in model._default_manager.exclude(**{name: ""}).order_by("pk").iterator():
            if key_of(getattr(row, name)) != current:
                _reseal(row, name, done)
    return done


def keys_in_use() -> set[str]:
    """Return the ids of the keys that some value was sealed by."""
    return {
        key_of(sealed)
        for model, name in _sealed_fields()
        for sealed in model._default_manager.exclude(**{name: ""}).values_list(name, flat=True).iterator()
    }


def _reseal(row: models.Model, name: str, done: Rotated) -> None:
    before = getattr(row, name)
    try:
        seal(row, name, unseal(row, name))
    except VaultError as error:
        done.problems.append(f"{row._meta.label} {row.pk}: {error}")
        return
    # Whoever replaced it meanwhile has sealed it by the new ring already.
    rows = type(row)._default_manager.filter(pk=row.pk, **{name: before})
    done.count += rows.update(**{name: getattr(row, name)})


def _sealed_fields() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for each in model._meta.get_fields():
            if isinstance(each, SealedField):
                yield model, each.name
