"""Connect somebody's Slack, try it, and let go of it; the address goes in and never comes out again."""

import datetime as dt
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.actions import Actor, record
from portal.notifications.choices import Channel, OutboxState
from portal.notifications.models import Outbox, SlackHook
from portal.notifications.slack import check_hook

# Seconds between two test messages: the button is no way to flood a channel.
TEST_PAUSE: Final = 10


@transaction.atomic
def connect(*, user: User, url: str, by: Actor) -> SlackHook:
    """Keep this webhook in the place of any other; raises Mistyped."""
    check_hook(url)
    hook = SlackHook(user=user)
    hook.put(url)
    SlackHook.objects.update_or_create(
        user=user,
        defaults={"sealed": hook.sealed, "connected_at": Now(), "refused_at": None, "tested_at": None},
    )
    record("delivery.slack_connected", by=by, about=("person", str(user.pk), user.name))
    return SlackHook.objects.get(user=user)


@transaction.atomic
def disconnect(*, user: User, by: Actor) -> bool:
    """Forget the webhook and give up what waits for it; False where there is none."""
    deleted, _ = SlackHook.objects.filter(user=user).delete()
    if deleted:
        Outbox.objects.filter(
            notification__recipient=user, channel=Channel.SLACK, state=OutboxState.WAITING
        ).update(state=OutboxState.DROPPED, reason="not_connected", ended_at=Now())
        record("delivery.slack_disconnected", by=by, about=("person", str(user.pk), user.name))
    return bool(deleted)


def may_test(hook: SlackHook) -> bool:
    """Take the turn to send a test message; False while the last one is only seconds ago."""
    now = timezone.now()
    before = Q(tested_at=None) | Q(tested_at__lt=now - dt.timedelta(seconds=TEST_PAUSE))
    return bool(SlackHook.objects.filter(before, pk=hook.pk).update(tested_at=now))


def note_refusal(user: User) -> None:
    """Keep that Slack does not take messages of this webhook any more, for its owner to see."""
    SlackHook.objects.filter(user=user, refused_at=None).update(refused_at=Now())


def note_success(user: User) -> None:
    """Take back an earlier refusal."""
    SlackHook.objects.filter(user=user, refused_at__isnull=False).update(refused_at=None)
