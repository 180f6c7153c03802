"""The editor of an answer: its text, its evidence, its review; and what the reviewer does with it."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.discussion.threads import teaser
from portal.ui import markdown
from requests_app.access import access_question, available
from requests_app.actions import answers
from requests_app.answer_form import AnswerForm
from requests_app.choices import Kind, State
from requests_app.exceptions import ChangedMeanwhile, MissingField, QuestionError
from requests_app.models import Answer, DataRequest
from requests_app.proof import blocks_of, citations_of, metrics_for
from requests_app.refusals import said
from requests_app.steps import DONE
from requests_app.transitions import find
from requests_app.views.question import head_of

_DOES: Final = {"save": "save_draft_answer", "submit": "submit_for_review", "publish": "publish_answer"}


@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """Show the draft to the data team, to write on for those who may; POST saves, submits or publishes it."""
    user = signed_in(request)
    question = access_question(user, number, for_=Permission.ANSWER_QUESTIONS)
    draft = draft_of(question)
    if request.method != "POST":
        if draft is None and not may_write(question, user):
            return redirect("question", number)
        return _page(request, question, user, draft, AnswerForm(question, draft, user))
    do = request.POST.get("do", "save")
    kept = request.POST.copy()
    if "keep" in kept:
        # They have read the other text and keep their own over it.
        kept["answer_version"] = str(kept["keep"])
    step = _DOES.get(do, "save_draft_answer")
    form = AnswerForm(question, draft, user, kept)
    if not may(question, user, step):
        if find(step, question.state) is not None:
            raise PermissionDenied
        return _page(request, question, user, draft, form, _refusal(question, user), status=409)
    proven = draft is not None and citations_of(draft).exists()
    if not form.ready(do, proven=proven):
        return _page(request, question, user, draft, form, status=422)
    try:
        _do(request, step, question, user, form)
    except ChangedMeanwhile:
        return _conflict(request, access_question(user, number), user, form)
    except MissingField as error:
        form.add_error(error.field if error.field in form.fields else None, said(error, question, user))
        return _page(request, question, user, draft, form, status=422)
    except QuestionError as error:
        fresh = access_question(user, number)
        return _page(request, fresh, user, draft_of(fresh), form, said(error, fresh, user), status=409)
    messages.success(request, str(DONE[step]).format(question=question.label))
    return redirect("question_answer" if step == "save_draft_answer" else "question", number)


@require_POST
@vary_on_headers("HX-Request")
def answer_autosave(request: HttpRequest, number: int) -> HttpResponse:
    """Keep the draft while somebody writes; says when, or who else has changed it (a part of the editor)."""
    user = signed_in(request)
    question = access_question(user, number, for_=Permission.ANSWER_QUESTIONS)
    draft = draft_of(question)
    if find("save_draft_answer", question.state) is not None and not may_write(question, user):
        raise PermissionDenied
    form = AnswerForm(question, draft, user, request.POST)
    context: dict[str, Any] = {"question": question}
    if not form.is_valid() or not form.cleaned_data["body"].strip():
        return render(request, "requests/answer/saved.html", context)
    try:
        saved = answers.save_draft_answer(
            question=question,
            body=form.cleaned_data["body"],
            user=user,
            by=actor_of(request),
            answer_version=form.cleaned_data["answer_version"],
        )
    except ChangedMeanwhile:
        return render(
            request, "requests/answer/saved.html", {**context, "theirs": _shown(draft_of(question))}
        )
    except QuestionError as error:
        fresh = access_question(user, number)
        return render(request, "requests/answer/saved.html", {**context, "refusal": said(error, fresh, user)})
    # The first saving makes the draft, to which evidence can then be added.
    first = draft is None
    context |= {"saved": saved, "first": first}
    if first:
        context |= evidence_context(question, saved, user)
    return render(request, "requests/answer/saved.html", context)


def draft_of(question: DataRequest) -> Answer | None:
    """Return the draft of the answer, with its people."""
    return question.answers.drafts().select_related("author", "reviewer").first()


def may(question: DataRequest, user: User, step: str) -> bool:
    """Say whether this person may take this step with the question now."""
    return any(row.name == step for row in available(question, user))


def may_write(question: DataRequest, user: User) -> bool:
    """Say whether this person writes the draft now."""
    return may(question, user, "save_draft_answer")


def evidence_context(
    question: DataRequest, draft: Answer | None, user: User, words: str = ""
) -> dict[str, Any]:
    """Return what the card of evidence shows."""
    return {
        "question": question,
        "draft": draft,
        "writes": may_write(question, user),
        "blocks": blocks_of(question, draft, user) if draft else [],
        "metrics": metrics_for(question, user, words) if draft else [],
        "metric_words": words,
    }


def _do(request: HttpRequest, step: str, question: DataRequest, user: User, form: AnswerForm) -> None:
    given = form.cleaned_data
    common: dict[str, Any] = {
        "question": question,
        "body": given["body"],
        "user": user,
        "by": actor_of(request),
        "answer_version": given["answer_version"],
    }
    if step == "save_draft_answer":
        answers.save_draft_answer(**common)
    elif step == "submit_for_review":
        answers.submit_for_review(**common, reviewer=given["reviewer"], version=given["version"])
    else:
        answers.publish_answer(**common, version=given["version"], without_evidence=form.reason)


def _refusal(question: DataRequest, user: User) -> str:
    return said(ChangedMeanwhile(), question, user)


def _conflict(request: HttpRequest, question: DataRequest, user: User, form: AnswerForm) -> HttpResponse:
    """Show both texts: the one that was saved meanwhile, and what was typed, which stays in the editor."""
    theirs = draft_of(question)
    data = request.POST.copy()
    data["version"] = str(question.version)
    if theirs is not None:
        data["answer_version"] = str(theirs.version)
    again = AnswerForm(question, theirs, user, data)
    again.is_valid()
    differs = theirs is not None and theirs.body != form.cleaned_data["body"]
    refusal = "" if differs else _refusal(question, user)
    return _page(
        request,
        question,
        user,
        theirs,
        again,
        refusal,
        theirs=_shown(theirs) if differs else None,
        status=409,
    )


def _shown(draft: Answer | None) -> dict[str, Any] | None:
    return {"draft": draft, "body": markdown.render(draft.body)} if draft else None


def _page(
    request: HttpRequest,
    question: DataRequest,
    user: User,
    draft: Answer | None,
    form: AnswerForm,
    refusal: str = "",
    *,
    theirs: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    names = {row.name for row in available(question, user)}
    must_review = Kind(question.kind).needs_review and question.state != State.IN_REVIEW
    context = {
        **head_of(question, user),
        **evidence_context(question, draft, user, request.GET.get("metric", "").strip()[:200]),
        "form": form,
        "refusal": refusal,
        "theirs": theirs,
        "may_submit": "submit_for_review" in names,
        "may_publish": "publish_answer" in names and not must_review,
        "may_send_back": "send_back" in names,
        "must_review": must_review,
        "reviews": question.state == State.IN_REVIEW,
        "shown": markdown.render(draft.body) if draft else "",
        "teaser": teaser(("question", question.key), user),
    }
    return render(request, "requests/answer.html", context, status=status)
