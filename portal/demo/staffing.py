"""The demonstration's staffing: working hours, deadlines, pools, Ben's placement, duty and an absence."""

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from portal.accounts.models import Team, User
from requests_app.actions.defaults import ensure_defaults
from requests_app.choices import PoolKind
from requests_app.models import Absence, DutyShift, Pool, PoolMember, Tour

OWNERS: Final = "data-owners"


def load_staff(people: dict[str, User]) -> None:
    """Make what is missing."""
    central = ensure_defaults()
    _load_pools(central, people)
    _load_days(people)


def remove_staff() -> None:
    """Delete the owners' pool and who is in the rotation; what every installation has stays."""
    Pool.objects.filter(key=OWNERS).delete()
    PoolMember.objects.filter(user__email__endswith="@example.com").delete()


def _load_pools(central: Pool, people: dict[str, User]) -> None:
    owners, _ = Pool.objects.get_or_create(
        key=OWNERS,
        defaults={
            "name_en": "Owners of the flight data",
            "name_ko": "항공 데이터 담당",
            "kind": PoolKind.OWNER,
            "team": Team.objects.get(key="data"),
        },
    )
    since = timezone.now().date() - timedelta(days=200)
    for pool, key, limit in ((central, "ben", 3), (central, "eun", 4), (owners, "dan", 2)):
        PoolMember.objects.get_or_create(
            pool=pool, user=people[key], defaults={"wip_limit": limit, "starts": since}
        )


def _load_days(people: dict[str, User]) -> None:
    today = timezone.now().date()

    def span(first: int, last: int) -> dict[str, Any]:
        return {"starts": today + timedelta(days=first), "ends": today + timedelta(days=last)}

    if not Tour.objects.filter(analyst=people["ben"]).exists():
        marketing = Team.objects.get(key="marketing")
        Tour.objects.create(analyst=people["ben"], team=marketing, **span(-45, 45))
    if not DutyShift.objects.filter(user=people["eun"]).exists():
        DutyShift.objects.create(user=people["eun"], **span(-2, 4))
    if not Absence.objects.filter(user=people["dan"]).exists():
        Absence.objects.create(user=people["dan"], **span(7, 11))
