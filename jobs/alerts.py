"""Tell of alerts, a bad night in one message a person, and say what each of them hurts."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.choices import NodeKind
from jobs.choices import Condition, RunState
from jobs.impact import Fed, fed_by
from jobs.models import Alert, AlertDigest, AlertNews, Job, Run
from portal.accounts.models import User
from portal.accounts.prepared import Prepared
from portal.audit.actions import Actor
from portal.events import Node, Usage, usages
from portal.notifications.actions import notify

# What goes wrong within this time of a person's last message waits for its end, and is the next message.
WINDOW: Final = dt.timedelta(minutes=30)
SHOWN: Final = 20
# How many things that stand still are named, and how many questions that rest on them are looked up.
NAMED: Final = 3
_QUESTIONS: Final = 50
_BY: Final = Actor.system("jobs")
_LOCK: Final = 0x6A6F6261
_OPEN: Prepared[Alert] = Prepared(
    lambda *, user, job: (
        Alert.objects.visible_to(user).open().filter(job=job).for_rows().order_by("-id")[:SHOWN]
    )
)
_LATE: Prepared[Alert] = Prepared(
    lambda *, user: (
        Alert.objects.visible_to(user)
        .open()
        .exclude(condition=Condition.FAILED)
        .for_rows()
        .order_by("-id")[:SHOWN]
    )
)


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """An open alert as a reader sees it, with what it hurts of the things that they may know of.

    ``run`` is what to look at: of failures the newest, as the next one may have failed for something else.
    """

    alert: Alert
    run: Run
    fed: list[Fed]
    questions: list[Usage]


def open_alerts(job: Job, user: User) -> list[ShownAlert]:
    """Return a job's newest open alerts of runs that this person may see, each with what it hurts."""
    return [_shown(alert, user) for alert in _OPEN(user=user, job=job.pk)]


def late_alerts(user: User) -> list[Alert]:
    """Return the newest open alerts that are no failure: failures stand among the failing jobs."""
    return _LATE(user=user)


def questions_citing(job: Job, fed: Sequence[Fed], user: User) -> list[Usage]:
    """Return the open questions of those this person may see that rest on a job or on what it feeds."""
    things = [(NodeKind.JOB.value, job.key), *((thing.kind, thing.key) for thing in fed)]
    return usages.open_of(things, user, most=_QUESTIONS).get("question", [])


def tell_of_alerts() -> int:
    """Send each person what waits for them, unless their last message is younger than the window.

    Returns how many messages were made. Of several clocks one does it.
    """
    if not untold().exists():
        return 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                return 0
        waiting = untold().values("recipient")
        lately = AlertDigest.objects.filter(started_at__gt=timezone.now() - WINDOW).values("recipient")
        people = list(User.objects.filter(pk__in=waiting).exclude(pk__in=lately))
        return sum(_send(user) for user in people)


def untold() -> QuerySet[AlertNews]:
    """Return the news that wait for a message."""
    return AlertNews.objects.filter(digest=None)


def digest_nodes(keys: Iterable[str], user: User) -> Mapping[str, Node]:
    """Return a node for each of these messages (keys are their ids) that is this person's own.

    Its words are made of the alerts whose jobs they may see now; without any there is no node.
    """
    wanted = [int(key) for key in keys if key.isascii() and key.isdigit() and len(key) < 19]
    seen = Alert.objects.visible_to(user).filter(news__digest__in=wanted, news__recipient=user)
    news = AlertNews.objects.filter(digest__in=wanted, recipient=user, alert__in=seen)
    alerts: dict[str, list[Alert]] = {}
    for each in news.select_related("alert__job", "alert__run").order_by("alert__opened_at", "pk"):
        alerts.setdefault(str(each.digest_id), []).append(each.alert)
    return {key: _node(found, user) for key, found in alerts.items()}


def _send(user: User) -> int:
    digest = AlertDigest.objects.create(recipient=user)
    AlertNews.objects.filter(recipient=user, digest=None).update(digest=digest)
    about = ("alerts", str(digest.pk))
    return notify(to=[user], kind="jobs.alerts", about=about, by=_BY, once=f"digest:{digest.pk}")


def _shown(alert: Alert, user: User) -> ShownAlert:
    fed = fed_by(alert.job, user)
    run = alert.run
    if alert.condition == Condition.FAILED:
        failed = Run.objects.filter(job=alert.job_id, backfill=None, state__in=RunState.unhappy())
        run = failed.order_by("-id").first() or run
    return ShownAlert(alert, run, fed, questions_citing(alert.job, fed, user))


def _node(alerts: list[Alert], user: User) -> Node:
    first = alerts[0]
    if len(alerts) == 1:
        return Node(
            label=_of_one(first, user),
            url=reverse("run", args=[first.run.number]),
            icon="play",
            tone=first.tone,
        )
    names = list(dict.fromkeys(alert.job.name for alert in alerts))
    words = {
        "since": f"{first.opened_at.astimezone(ZoneInfo(user.time_zone)):%H:%M}",
        "names": _several(names),
        "n": len(names),
    }
    if all(alert.condition == Condition.FAILED for alert in alerts):
        text = ngettext(
            "{n} job failed since {since}: {names}", "{n} jobs failed since {since}: {names}", len(names)
        )
    else:
        text = ngettext(
            "{n} job failed or is late since {since}: {names}",
            "{n} jobs failed or are late since {since}: {names}",
            len(names),
        )
    return Node(label=text.format(**words), url=reverse("jobs"), icon="play", tone="bad")


def _of_one(alert: Alert, user: User) -> str:
    text = f"{alert.job.name}: {Condition(alert.condition).label}"
    fed = fed_by(alert.job, user)
    hurt = [thing.node.label for thing in fed]
    hurt += [usage.node.label for usage in questions_citing(alert.job, fed, user)]
    return _("{alert}. It affects {things}").format(alert=text, things=_several(hurt)) if hurt else text


def _several(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    rest = len(names) - NAMED
    if rest <= 0:
        return shown
    return ngettext("{names} and {n} more", "{names} and {n} more", rest).format(names=shown, n=rest)
