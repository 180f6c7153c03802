"""One mail of one or more sentences; names are put in as they are, never read as patterns."""

from dataclasses import dataclass
from email.utils import make_msgid
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.events import Reference


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with a mail."""

    name: str
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence, the page it leads to ("" for none), and the thing; ``kind`` is the notification's.

    ``files`` go with it; ``note`` says why one does not.
    """

    text: str
    url: str
    about: Reference
    kind: str = ""
    files: tuple[File, ...] = ()
    note: str = ""


def send(*, user: User, lines: list[Line]) -> None:
    """Send these lines to somebody, in the active language; raises OSError or SMTPException."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    subject = lines[0].text if len(lines) == 1 else _("%(count)s news from Data Desk") % {"count": len(lines)}
    footer = _("You get this mail because of your part in it. All of it is also in your inbox:")
    inbox = f"{settings.PUBLIC_URL}/inbox/"
    body = "\n\n".join("\n".join(filter(None, (line.text, _absolute(line.url), line.note))) for line in lines)
    mail = EmailMultiAlternatives(
        # A name with a line break must not become a header of its own.
        subject=" ".join(subject.split())[:200],
        body=f"{body}\n\n-- \n{footer}\n{inbox}\n",
        to=[user.email],
        headers={
            "Message-ID": make_msgid(domain=host),
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{settings.PUBLIC_URL}/account/notifications/>",
            **_thread(lines, host),
        },
    )
    items = format_html_join(
        "",
        '<p><a href="{}">{}</a>{}</p>',
        (
            (_absolute(line.url) or inbox, line.text, format_html("<br>{}", line.note) if line.note else "")
            for line in lines
        ),
    )
    mail.attach_alternative(
        format_html('{}<hr><p>{} <a href="{}">{}</a></p>', items, footer, inbox, inbox), "text/html"
    )
    for line in lines:
        for file in line.files:
            mail.attach(file.name, file.body, file.media_type)
    mail.send()


def _absolute(url: str) -> str:
    return f"{settings.PUBLIC_URL}{url}" if url else ""


def _thread(lines: list[Line], host: str) -> dict[str, str]:
    """Return the headers by which a mail program puts mails about one thing together."""
    if len({line.about for line in lines}) > 1:
        return {}
    # Hashed: a key may hold letters that an address must not.
    root = f"<{sha256(':'.join(lines[0].about).encode()).hexdigest()[:32]}@{host}>"
    return {"In-Reply-To": root, "References": root}
