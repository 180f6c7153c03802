"""Change what every kind of asset has in common."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.actions.search import reindex
from catalog.choices import AssetKind, Certification
from catalog.exceptions import ChangedMeanwhile
from catalog.models import Asset
from portal.accounts.models import Team, User
from portal.audit.actions import Actor, record

_TEXTS = ("name_en", "name_ko", "description_en", "description_ko")
_LISTS = ("synonyms", "tags")


def about(asset: Asset) -> tuple[str, str, str]:
    """Return the asset as the object of an audit event."""
    return asset.kind, asset.key, asset.name_en


@transaction.atomic
def describe(*, asset: Asset, by: Actor, **changes: Any) -> Asset:
    """Change names, descriptions, synonyms, tags, owner or team by hand; later publishes keep these words."""
    unknown = set(changes) - {*_TEXTS, *_LISTS, "owner", "team"}
    if unknown:
        message = f"not something to describe: {', '.join(sorted(unknown))}"
        raise TypeError(message)
    asset = Asset.objects.select_for_update().get(pk=asset.pk)
    changed = {field: value for field, value in changes.items() if getattr(asset, field) != value}
    if not changed:
        return asset
    for field, value in changed.items():
        setattr(asset, field, value)
    asset.edited_at = timezone.now()
    asset.save()
    record("asset.described", by=by, about=about(asset), fields=sorted(changed))
    reindex([asset])
    return asset


@transaction.atomic
def certify(*, asset: Asset, certification: Certification, user: User | None, by: Actor) -> Asset:
    """Say how far the asset can be trusted; ``user`` vouches for a certification."""
    changed = Asset.objects.filter(pk=asset.pk, certification=asset.certification).update(
        certification=certification,
        certified_by=user if certification is Certification.CERTIFIED else None,
        updated_at=timezone.now(),
    )
    if changed != 1:
        raise ChangedMeanwhile
    before, asset = asset.certification, Asset.objects.get(pk=asset.pk)
    record("asset.certified", by=by, about=about(asset), before=before, after=certification.value)
    reindex([asset])
    return asset


def register(
    *,
    kind: AssetKind,
    key: str,
    texts: dict[str, str],
    tags: Sequence[str] = (),
    synonyms: Sequence[str] = (),
    owner: User | None = None,
    team: Team | None = None,
    by_person: bool = False,
) -> tuple[Asset, bool]:
    """Create the asset or bring its words up to date; return it, locked, and whether it is new.

    Words that come from code give way to a person's: once somebody has described the asset by hand, code
    fills only what is still empty. The caller holds the transaction, audits and re-indexes.
    """
    asset, created = Asset.objects.get_or_create(kind=kind, key=key, defaults={"name_en": texts["name_en"]})
    asset = Asset.objects.select_for_update().get(pk=asset.pk)
    given: dict[str, Any] = {
        **texts,
        "tags": list(tags),
        "synonyms": list(synonyms),
        "owner": owner,
        "team": team,
    }
    for field, value in given.items():
        if not value and not by_person:
            continue
        if by_person or asset.edited_at is None or not getattr(asset, field):
            setattr(asset, field, value)
    if by_person:
        asset.edited_at = timezone.now()
    asset.save()
    return asset, created
