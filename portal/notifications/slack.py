"""Messages to Slack by incoming webhooks: one message of one or more sentences, each a link to its page.

The address of a webhook is a password: it is stored sealed, shown to nobody and written into no log.
"""

import json
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.accounts.models import User
from portal.notifications.mail import Line
from portal.notifications.models import SlackHook
from portal.outgoing import Answer, Mistyped, call, check_url

HOSTS: Final = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
# Slack cuts a long message by itself, in the middle of a link.
MOST_LINES: Final = 20
MOST_LETTERS: Final = 300
# What Slack asks us to wait is kept to, within reason; in seconds.
LONGEST_WAIT: Final = 3600
_BUSY: Final = 429


class NotTaken(Exception):
    """Slack answered and did not take the message.

    ``reason`` is a word for the row, ``may_heal`` whether a later try makes sense, ``wait`` the seconds until
    then that Slack asked for.
    """

    def __init__(self, reason: str, *, may_heal: bool, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.may_heal, self.wait = reason, may_heal, wait


def check_hook(url: str) -> None:
    """Refuse an address that is no incoming webhook of Slack's; raises Mistyped with what to change."""
    destination = check_url(url)
    path = urlsplit(url).path
    if not (destination.allowed or destination.host in HOSTS) or len(path.strip("/")) == 0:
        raise Mistyped(
            _("This is no address of an incoming webhook: it begins with https://hooks.slack.com/services/.")
        )


def send(*, user: User, lines: list[Line]) -> None:
    """Send these lines to somebody's own webhook; raises NotTaken, OutgoingError or VaultError."""
    hook = SlackHook.objects.filter(user=user).first()
    if hook is None:
        raise NotTaken("not_connected", may_heal=False)
    post(hook.url(), [_line(line) for line in lines])


def send_test(hook: SlackHook) -> None:
    """Send a message that says that it works; raises as ``send`` does."""
    post(hook.url(), [test_words()])


def test_words() -> str:
    """Return what a test message says."""
    return _("Data Desk reaches you here: news that you chose will come into this channel.")


def post(url: str, texts: list[str]) -> Answer:
    """Send one message of these lines, written as Slack reads them; raises NotTaken or OutgoingError."""
    shown, more = texts[:MOST_LINES], len(texts) - MOST_LINES
    if more > 0:
        words = ngettext("and %(count)s more in your inbox", "and %(count)s more in your inbox", more)
        shown.append(f"<{settings.PUBLIC_URL}/inbox/|{words % {'count': more}}>")
    message = {"text": "\n".join(shown), "unfurl_links": False, "unfurl_media": False}
    answer = call(
        "POST",
        url,
        headers={"Content-Type": "application/json; charset=utf-8"},
        body=json.dumps(message, ensure_ascii=False).encode(),
    )
    if not answer.is_success:
        raise _refusal(answer)
    return answer


def escaped(text: str) -> str:
    """Return a text as Slack shows it literally: a name must neither call a channel nor make a link."""
    one_line = " ".join(text.split())
    if len(one_line) > MOST_LETTERS:
        one_line = one_line[: MOST_LETTERS - 1] + "…"
    # «|» would end the address of a link that the text stands in.
    return (
        one_line.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("|", "\N{BROKEN BAR}")
    )


def linked(text: str, url: str) -> str:
    """Return a text that leads to a page of the portal, written as Slack reads it."""
    return f"<{settings.PUBLIC_URL}{url}|{escaped(text)}>" if url else escaped(text)


def _line(line: Line) -> str:
    return linked(line.text, line.url)


def _refusal(answer: Answer) -> NotTaken:
    if answer.status == _BUSY:
        return NotTaken("slack_busy", may_heal=True, wait=_wait_of(answer))
    if answer.may_heal:
        return NotTaken("slack_failed", may_heal=True, wait=_wait_of(answer))
    # The webhook was removed, its channel archived, or it never was one: it stays so.
    return NotTaken("slack_refused", may_heal=False)


def _wait_of(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(min(int(text), LONGEST_WAIT)) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0
