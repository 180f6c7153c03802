"""A report that is made from an answer: the editor, filled in with what the answer rests on."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from jobs.views.report_edit import write_new
from portal.accounts.access import require, signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from requests_app.access import access_question
from requests_app.actions import questions
from requests_app.choices import LinkRole
from requests_app.report_start import start_of


@require_http_methods(["GET", "HEAD", "POST"])
@transaction.atomic
def question_report(request: HttpRequest, number: int) -> HttpResponse:
    """Show the editor of a report with the answer's text and proofs; what is made is linked both ways."""
    user = signed_in(request)
    question = access_question(user, number, for_=Permission.ANSWER_QUESTIONS)
    require(user, Permission.WRITE_REPORTS)
    answer = question.answer
    if answer is None or not answer.is_shown:
        messages.info(request, _("A report is made from a published answer."))
        return redirect("question", number)
    start = start_of(question, answer, user)
    if start.left_out and request.method == "GET":
        words = ngettext(
            "{count} proof is left out: you may not read it, or a report takes no more.",
            "{count} proofs are left out: you may not read them, or a report takes no more.",
            start.left_out,
        )
        messages.warning(request, words.format(count=start.left_out))
    beside = {"source": question, "is_korean": start.is_korean}
    made = write_new(request, start.definition, rhythm=start.rhythm, beside=beside)
    if isinstance(made, HttpResponse):
        return made
    questions.link(
        question=question,
        reference=("job", made.key),
        role=LinkRole.PRODUCED,
        user=user,
        by=actor_of(request),
    )
    return redirect("report", made.key)
