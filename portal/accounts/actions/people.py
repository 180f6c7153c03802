"""Add people, change what they may do, and let them go."""

from collections.abc import Iterable, Sequence

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from portal.accounts.exceptions import LastAdministrator, NotYourself
from portal.accounts.models import ApiToken, Membership, Team, User
from portal.accounts.permissions import Role
from portal.audit.actions import Actor, record


@transaction.atomic
def add(*, email: str, name: str, roles: Sequence[str], teams: Iterable[Team] = (), by: Actor) -> User:
    """Add somebody, without a password: they set one by a link (``set_password_link``)."""
    user = User.objects.create_user(email, name=name, roles=sorted(roles))
    _set_teams(user, teams)
    record("person.added", by=by, about=_about(user), roles=user.roles, teams=_team_keys(user))
    return user


@transaction.atomic
def change(*, user: User, name: str, roles: Sequence[str], teams: Iterable[Team], by: Actor) -> User:
    """Set somebody's name, roles and teams; raise LastAdministrator rather than leave none."""
    locked = _lock(user)
    before = {"name": locked.name, "roles": sorted(locked.roles), "teams": _team_keys(locked)}
    if Role.ADMINISTRATOR in locked.roles and Role.ADMINISTRATOR not in roles:
        _refuse_last_administrator(locked)
    locked.name, locked.roles = name, sorted(roles)
    locked.save(update_fields=["name", "roles"])
    _set_teams(locked, teams)
    after = {"name": locked.name, "roles": locked.roles, "teams": _team_keys(locked)}
    changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if changed:
        record("person.changed", by=by, about=_about(locked), **changed)
    return locked


@transaction.atomic
def deactivate(*, user: User, by: Actor) -> User:
    """Shut somebody out at once: their sessions end and their tokens are revoked for good."""
    locked = _lock(user)
    if not locked.is_active:
        return locked
    if by.kind == "user" and by.id == str(locked.pk):
        raise NotYourself
    if Role.ADMINISTRATOR in locked.roles:
        _refuse_last_administrator(locked)
    locked.is_active = False
    # Raising the epoch keeps old sessions dead even when the person is let in again.
    locked.session_epoch += 1
    locked.save(update_fields=["is_active", "session_epoch"])
    revoked = ApiToken.objects.filter(owner=locked, revoked_at=None).update(revoked_at=timezone.now())
    record("person.deactivated", by=by, about=_about(locked), tokens_revoked=revoked)
    return locked


@transaction.atomic
def activate(*, user: User, by: Actor) -> User:
    """Let somebody in again; old sessions and tokens stay dead."""
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        record("person.activated", by=by, about=_about(user))
    user.refresh_from_db()
    return user


@transaction.atomic
def set_password_link(*, user: User, by: Actor) -> str:
    """Return a link by which somebody sets a password, once, within PASSWORD_RESET_TIMEOUT.

    Whoever has the link can take the account: it is shown to the administrator only, and that is recorded.
    """
    key = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
    record("person.password_link_made", by=by, about=_about(user))
    return f"{settings.PUBLIC_URL}{path}"


def _lock(user: User) -> User:
    # The administrators are locked with the person, in one order: two of them who remove each other at
    # once take turns, and the second sees that they would be the last.
    rows = User.objects.filter(Q(pk=user.pk) | Q(roles__contains=[Role.ADMINISTRATOR]))
    locked = {row.pk: row for row in rows.order_by("pk").select_for_update()}
    return locked[user.pk]


def _refuse_last_administrator(user: User) -> None:
    if not User.objects.administrators().exclude(pk=user.pk).exists():
        raise LastAdministrator


def _set_teams(user: User, teams: Iterable[Team]) -> None:
    wanted = {team.pk for team in teams}
    Membership.objects.filter(user=user).exclude(team_id__in=wanted).delete()
    held = set(Membership.objects.filter(user=user).values_list("team_id", flat=True))
    Membership.objects.bulk_create(Membership(user=user, team_id=pk) for pk in wanted - held)


def _team_keys(user: User) -> list[str]:
    return list(user.teams.order_by("key").values_list("key", flat=True))


def _about(user: User) -> tuple[str, str, str]:
    return "user", str(user.pk), user.name
