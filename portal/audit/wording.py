"""What an event says in words; a new action takes its sentence here, behind the actor's name.

``{object}`` is where the name of the thing stands, so that each language keeps its own order.
"""

from typing import Final

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.audit.models import AuditEvent

GROUPS: Final[dict[str, Promise]] = {
    "run": gettext_lazy("Runs"),
    "job": gettext_lazy("Jobs"),
    "schedule": gettext_lazy("Schedules"),
    "dataset": gettext_lazy("Published datasets"),
    "metric": gettext_lazy("Metrics"),
    "asset": gettext_lazy("Descriptions and certifications"),
    "evidence": gettext_lazy("Verifications"),
    "person": gettext_lazy("People"),
    "team": gettext_lazy("Teams"),
    "token": gettext_lazy("Tokens"),
    "session": gettext_lazy("Sessions"),
    "first_administrator": gettext_lazy("First administrator"),
    "demo": gettext_lazy("Demonstration"),
}

SENTENCES: Final[dict[str, Promise]] = {
    "asset.certified": gettext_lazy("changed the certification of {object}"),
    "asset.described": gettext_lazy("changed the description of {object}"),
    "dataset.published": gettext_lazy("published the dataset {object}"),
    "demo.loaded": gettext_lazy("loaded the demonstration"),
    "demo.removed": gettext_lazy("removed the demonstration"),
    "evidence.verified": gettext_lazy("verified a figure of {object}"),
    "first_administrator.claimed": gettext_lazy("became the first administrator"),
    "first_administrator.link_made": gettext_lazy("made a link for the first administrator"),
    "job.registered": gettext_lazy("registered the job {object}"),
    "metric.defined": gettext_lazy("defined the metric {object}"),
    "metric.refreshed": gettext_lazy("computed the metric {object}"),
    "person.activated": gettext_lazy("let {object} in again"),
    "person.added": gettext_lazy("added {object}"),
    "person.changed": gettext_lazy("changed the name, roles or teams of {object}"),
    "person.deactivated": gettext_lazy("deactivated {object}"),
    "person.password_link_made": gettext_lazy("made a link by which {object} can set a password"),
    "person.password_set": gettext_lazy("set the password of {object}"),
    "person.signed_out_everywhere": gettext_lazy("signed {object} out everywhere"),
    "run.cancelled": gettext_lazy("cancelled the run {object}"),
    "run.triggered": gettext_lazy("started the run {object}"),
    "schedule.paused": gettext_lazy("paused a schedule of {object}"),
    "schedule.resumed": gettext_lazy("resumed a schedule of {object}"),
    "session.ended": gettext_lazy("ended a session: {object}"),
    "team.added": gettext_lazy("added the team {object}"),
    "team.changed": gettext_lazy("changed the team {object}"),
    "token.created": gettext_lazy("made the token {object}"),
    "token.revoked": gettext_lazy("revoked the token {object}"),
}


def sentence(event: AuditEvent, url: str = "") -> SafeString:
    """Return what was done, the thing's name linked to its page if there is a ``url``.

    An action without a sentence, of an older or newer version, is shown by its own name.
    """
    named = object_name(event)
    link = format_html('<a class="link" href="{}">{}</a>' if url else "<b>{1}</b>", url, named)
    written = SENTENCES.get(event.action)
    if written is not None:
        return format_html(str(written), object=link)
    return format_html("<code>{}</code> {}", event.action, link if named else "")


def object_name(event: AuditEvent) -> str:
    """Return what the thing was called at that time; a run by its number and job."""
    if event.object_kind == "run":
        return f"#{event.object_id} ({event.object_label})"
    return event.object_label or event.object_id


def actor_name(event: AuditEvent) -> str:
    """Return who did it; the portal's own parts are said to be such."""
    if event.actor_kind != "system":
        return event.actor_label
    return _("Data Desk (%(part)s)") % {"part": event.actor_label}
