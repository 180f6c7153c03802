"""Add and rename teams."""

from django.db import transaction

from portal.accounts.models import Team
from portal.audit.actions import Actor, record


@transaction.atomic
def add(*, key: str, name_en: str, name_ko: str, kind: str, by: Actor) -> Team:
    """Add a team without members."""
    team = Team.objects.create(key=key, name_en=name_en, name_ko=name_ko, kind=kind)
    record("team.added", by=by, about=("team", team.key, team.name_en), kind=kind)
    return team


@transaction.atomic
def change(*, team: Team, name_en: str, name_ko: str, kind: str, by: Actor) -> Team:
    """Set a team's names and kind; its key stays, since addresses and configuration name it."""
    team.name_en, team.name_ko, team.kind = name_en, name_ko, kind
    team.save(update_fields=["name_en", "name_ko", "kind"])
    record("team.changed", by=by, about=("team", team.key, name_en), name_ko=name_ko, kind=kind)
    return team
