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
    "trigger": gettext_lazy("Starts by new data"),
    "backfill": gettext_lazy("Backfills"),
    "pool": gettext_lazy("Pools"),
    "question": gettext_lazy("Questions"),
    "answer": gettext_lazy("Answers"),
    "dataset": gettext_lazy("Published datasets"),
    "metric": gettext_lazy("Metrics"),
    "asset": gettext_lazy("Descriptions and certifications"),
    "evidence": gettext_lazy("Evidence and verifications"),
    "person": gettext_lazy("People"),
    "team": gettext_lazy("Teams"),
    "token": gettext_lazy("Tokens"),
    "session": gettext_lazy("Sessions"),
    "first_administrator": gettext_lazy("First administrator"),
    "demo": gettext_lazy("Demonstration"),
    "comment": gettext_lazy("Comments"),
    "attachment": gettext_lazy("Files"),
    "watch": gettext_lazy("Watching"),
    "delivery": gettext_lazy("Deliveries"),
    "secret": gettext_lazy("Secrets"),
    "source_file": gettext_lazy("Source files"),
    "webhook": gettext_lazy("Webhooks"),
}

SENTENCES: Final[dict[str, Promise]] = {
    "answer.mark_stale": gettext_lazy("marked an answer to {object} as out of date"),
    "answer.save_draft": gettext_lazy("saved the draft of the answer to {object}"),
    "answer.verify": gettext_lazy("vouched for the answer to {object}"),
    "asset.certified": gettext_lazy("changed the certification of {object}"),
    "asset.described": gettext_lazy("changed the description of {object}"),
    "attachment.removed": gettext_lazy("removed a file from the discussion of {object}"),
    "comment.added": gettext_lazy("commented on {object}"),
    "comment.deleted": gettext_lazy("deleted a comment on {object}"),
    "comment.edited": gettext_lazy("changed a comment on {object}"),
    "comment.noted": gettext_lazy("wrote an internal note on {object}"),
    "comment.restored": gettext_lazy("brought back a comment on {object}"),
    "dataset.checked": gettext_lazy("checked the dataset {object}"),
    "dataset.published": gettext_lazy("published the dataset {object}"),
    "delivery.dropped": gettext_lazy("gave up a message to {object}"),
    "delivery.retried": gettext_lazy("had a message to {object} tried again"),
    "delivery.retried_all": gettext_lazy("had all failed messages tried again: {object}"),
    "delivery.slack_connected": gettext_lazy("connected the Slack of {object}"),
    "delivery.slack_disconnected": gettext_lazy("disconnected the Slack of {object}"),
    "demo.loaded": gettext_lazy("loaded the demonstration"),
    "demo.removed": gettext_lazy("removed the demonstration"),
    "evidence.cited": gettext_lazy("cited evidence: {object}"),
    "evidence.tidied": gettext_lazy("let go of what nobody cites: {object}"),
    "evidence.uncited": gettext_lazy("took evidence away: {object}"),
    "evidence.verified": gettext_lazy("verified a figure of {object}"),
    "first_administrator.claimed": gettext_lazy("became the first administrator"),
    "first_administrator.link_made": gettext_lazy("made a link for the first administrator"),
    "backfill.cancelled": gettext_lazy("cancelled a backfill of {object}"),
    "backfill.paused": gettext_lazy("paused a backfill of {object}"),
    "backfill.rerun": gettext_lazy("ran again what had failed in a backfill of {object}"),
    "backfill.resumed": gettext_lazy("resumed a backfill of {object}"),
    "backfill.started": gettext_lazy("started a backfill of {object}"),
    "job.deleted": gettext_lazy("deleted the job {object}"),
    "job.registered": gettext_lazy("defined the job {object}"),
    "job.switched_off": gettext_lazy("switched off the job {object}"),
    "job.switched_on": gettext_lazy("switched on the job {object}"),
    "metric.defined": gettext_lazy("defined the metric {object}"),
    "metric.refreshed": gettext_lazy("computed the metric {object}"),
    "person.activated": gettext_lazy("let {object} in again"),
    "person.added": gettext_lazy("added {object}"),
    "person.changed": gettext_lazy("changed the name, roles or teams of {object}"),
    "person.deactivated": gettext_lazy("deactivated {object}"),
    "person.password_link_made": gettext_lazy("made a link by which {object} can set a password"),
    "person.password_set": gettext_lazy("set the password of {object}"),
    "person.signed_out_everywhere": gettext_lazy("signed {object} out everywhere"),
    "pool.changed": gettext_lazy("changed the places of the pool {object}"),
    "question.accept": gettext_lazy("accepted the question {object}"),
    "question.accept_answer": gettext_lazy("closed the question {object} with a decision"),
    "question.add_follower": gettext_lazy("let somebody into the question {object}"),
    "question.answer_with_existing": gettext_lazy("answered the question {object} with an existing answer"),
    "question.ask": gettext_lazy("asked the question {object}"),
    "question.ask_back": gettext_lazy("asked back on the question {object}"),
    "question.assign": gettext_lazy("assigned the question {object}"),
    "question.block": gettext_lazy("blocked the question {object}"),
    "question.close_answered": gettext_lazy("closed the question {object}: nobody objected to its answer"),
    "question.close_unanswered": gettext_lazy("closed the question {object} for want of a reply"),
    "question.decline": gettext_lazy("declined the question {object}"),
    "question.edit_question": gettext_lazy("edited the question {object}"),
    "question.hand_over": gettext_lazy("handed the question {object} over"),
    "question.link": gettext_lazy("linked something to the question {object}"),
    "question.mark_duplicate": gettext_lazy("marked the question {object} as a duplicate"),
    "question.me_too": gettext_lazy("follows the question {object}"),
    "question.publish_answer": gettext_lazy("published the answer to {object}"),
    "question.reconsider": gettext_lazy("took the question {object} up again"),
    "question.release": gettext_lazy("gave the question {object} back"),
    "question.remind": gettext_lazy("reminded the asker of the question {object}"),
    "question.reopen": gettext_lazy("reopened the question {object}"),
    "question.reply": gettext_lazy("replied on the question {object}"),
    "question.resume": gettext_lazy("went on with the question {object}"),
    "question.send_back": gettext_lazy("sent the answer to {object} back"),
    "question.set_priority": gettext_lazy("set the priority of the question {object}"),
    "question.snooze": gettext_lazy("snoozed the question {object}"),
    "question.submit_for_review": gettext_lazy("sent the answer to {object} to review"),
    "question.take": gettext_lazy("took the question {object}"),
    "question.unblock": gettext_lazy("went on with the blocked question {object}"),
    "question.undo": gettext_lazy("took back the last step on the question {object}"),
    "question.unfollow": gettext_lazy("no longer follows the question {object}"),
    "question.unlink": gettext_lazy("removed a link of the question {object}"),
    "question.wake": gettext_lazy("woke the question {object}"),
    "question.withdraw": gettext_lazy("withdrew the question {object}"),
    "run.cancelled": gettext_lazy("cancelled the run {object}"),
    "run.triggered": gettext_lazy("started the run {object}"),
    "schedule.added": gettext_lazy("gave {object} a schedule"),
    "schedule.edited": gettext_lazy("changed a schedule of {object}"),
    "schedule.paused": gettext_lazy("paused a schedule of {object}"),
    "schedule.removed": gettext_lazy("deleted a schedule of {object}"),
    "schedule.resumed": gettext_lazy("resumed a schedule of {object}"),
    "secret.added": gettext_lazy("stored the secret {object}"),
    "secret.deleted": gettext_lazy("deleted the secret {object}"),
    "secret.replaced": gettext_lazy("replaced the value of the secret {object}"),
    "secret.rotated": gettext_lazy("sealed all secrets with the key {object}"),
    "session.ended": gettext_lazy("ended a session: {object}"),
    "source_file.added": gettext_lazy("put the source file {object} in place"),
    "source_file.deleted": gettext_lazy("deleted the source file {object}"),
    "source_file.folder_made": gettext_lazy("made the folder {object} for source files"),
    "team.added": gettext_lazy("added the team {object}"),
    "team.changed": gettext_lazy("changed the team {object}"),
    "token.created": gettext_lazy("made the token {object}"),
    "token.revoked": gettext_lazy("revoked the token {object}"),
    "trigger.added": gettext_lazy("let new data start {object}"),
    "trigger.edited": gettext_lazy("changed which data starts {object}"),
    "trigger.paused": gettext_lazy("paused the start of {object} by new data"),
    "trigger.removed": gettext_lazy("no longer lets new data start {object}"),
    "trigger.resumed": gettext_lazy("resumed the start of {object} by new data"),
    "watch.ended": gettext_lazy("stopped watching {object}"),
    "watch.started": gettext_lazy("watches {object}"),
    "webhook.added": gettext_lazy("added the webhook {object}"),
    "webhook.changed": gettext_lazy("changed the webhook {object}"),
    "webhook.paused": gettext_lazy("paused the webhook {object}"),
    "webhook.redelivered": gettext_lazy("sent an event to the webhook {object} again"),
    "webhook.removed": gettext_lazy("removed the webhook {object}"),
    "webhook.resumed": gettext_lazy("let the webhook {object} go on"),
    "webhook.rotated": gettext_lazy("replaced the secret of the webhook {object}"),
    "webhook.switched_off": gettext_lazy(
        "switched off the webhook {object}, which took nothing for too long"
    ),
    "webhook.tested": gettext_lazy("sent a test event to the webhook {object}"),
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
    if event.object_kind == "run" and event.object_id.isdigit():
        return f"#{event.object_id} ({event.object_label})"
    return event.object_label or event.object_id


def actor_name(event: AuditEvent) -> str:
    """Return who did it; the portal's own parts are said to be such."""
    if event.actor_kind != "system":
        return event.actor_label
    return _("Data Desk (%(part)s)") % {"part": event.actor_label}
