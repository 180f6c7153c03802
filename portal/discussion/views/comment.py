"""One comment: its place in the thread, and changing, deleting and bringing it back."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.audit.actions import actor_of
from portal.discussion.access import access_comment
from portal.discussion.actions import comments
from portal.discussion.exceptions import DiscussionError, NotAllowed
from portal.discussion.models import Comment
from portal.discussion.subjects import Subject
from portal.discussion.threads import home_of, one_entry, thread_url
from portal.discussion.views.thread import warnings
from portal.ui.htmx import wants_part


@require_safe
@vary_on_headers("HX-Request")
def comment(request: HttpRequest, pk: int) -> HttpResponse:
    """Lead to a comment in its thread, however far back it stands; htmx gets the comment itself."""
    user = signed_in(request)
    found, subject = access_comment(user, pk)
    if wants_part(request):
        return _part(request, found, user, subject)
    return redirect(f"{thread_url(subject.reference)}?before={found.pk + 1}#comment-{found.pk}")


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def comment_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change one's own words: a form in the comment's place, or a page of its own."""
    user = signed_in(request)
    found, subject = access_comment(user, pk)
    if found.author_id != user.pk or not subject.may_comment:
        raise PermissionDenied
    body, version, error = found.body, found.version, ""
    if request.method == "POST":
        body = request.POST.get("body", "")
        version = _version(request)
        try:
            made = comments.edit(
                comment=found, subject=subject, body=body, version=version, editor=user, by=actor_of(request)
            )
        except DiscussionError as refused:
            error = str(refused)
            found.refresh_from_db()
            # The other words are shown beside one's own; saving again then means it.
            version = found.version
        else:
            said = warnings(made)
            if wants_part(request):
                return _part(request, found, user, subject, [words for _tone, words in said])
            for tone, words in said:
                messages.add_message(request, tone, words)
            return redirect(f"{home_of(subject)}#comment-{found.pk}")
    context = {
        "comment": found,
        "subject": subject,
        "body": body,
        "version": version,
        "error": error,
        "theirs": found.body if error and body.strip() != found.body else "",
        "back": f"{home_of(subject)}#comment-{found.pk}",
    }
    if wants_part(request):
        response = render(request, "discussion/edit_form.html", context)
        if error:
            response["HX-Retarget"] = f"#comment-{found.pk} > article > .said"
            response["HX-Reswap"] = "innerHTML"
        return response
    return render(request, "discussion/edit.html", context, status=422 if error else 200)


@require_POST
def comment_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a comment; its place says so, and offers to bring it back."""
    return _change(request, pk, comments.delete)


@require_POST
def comment_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring a deleted comment back."""
    return _change(request, pk, comments.restore)


def _change(request: HttpRequest, pk: int, action: Callable[..., Any]) -> HttpResponse:
    user = signed_in(request)
    found, subject = access_comment(user, pk)
    said = []
    try:
        action(comment=found, subject=subject, user=user, by=actor_of(request))
    except NotAllowed as error:
        raise PermissionDenied from error
    except DiscussionError as error:
        said = [str(error)]
    if wants_part(request):
        return _part(request, found, user, subject, said)
    for words in said:
        messages.warning(request, words)
    return redirect(f"{home_of(subject)}#comment-{found.pk}")


def _part(
    request: HttpRequest, found: Comment, user: User, subject: Subject, said: list[str] | None = None
) -> HttpResponse:
    context = {"entry": one_entry(found, user, subject), "warnings": said or []}
    return render(request, "discussion/changed.html", context)


def _version(request: HttpRequest) -> int:
    given = request.POST.get("version", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
