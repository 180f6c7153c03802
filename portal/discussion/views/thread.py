"""A thread's own page: its comments and the form to add one; also the part that other pages load."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from portal.accounts.access import signed_in
from portal.accounts.models import User
from portal.audit.actions import actor_of
from portal.discussion import forms, references, subjects
from portal.discussion.access import access_subject
from portal.discussion.actions import comments
from portal.discussion.actions.comments import Commented
from portal.discussion.exceptions import DiscussionError
from portal.discussion.mentions import named_in
from portal.discussion.subjects import Subject
from portal.discussion.threads import Composer, Thread, home_of, one_entry, thread_of
from portal.ui import markdown
from portal.ui.htmx import wants_part

PEOPLE_SHOWN = 8
# So many people are asked whether they see the thing, at most, for one list of names.
PEOPLE_ASKED = 40


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def thread(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Show the newest comments, or those before ``?before=``; POST adds one."""
    user = signed_in(request)
    if request.method == "POST":
        return _post(request, user, access_subject(user, (kind, key), to_comment=True))
    before = _number(request.GET.get("before", ""))
    shown = thread_of((kind, key), user, before=before)
    if not wants_part(request):
        return _page(request, shown)
    part = "discussion/entries.html" if before is not None else "discussion/thread.html"
    return render(request, part, {"thread": shown})


def _post(request: HttpRequest, user: User, subject: Subject) -> HttpResponse:
    sent = None
    try:
        sent = forms.read(request)
        sent = forms.keep_files(request, sent, user)
        made = comments.comment(
            subject=subject,
            body=sent.body,
            internal=forms.is_internal(sent, subject),
            author=user,
            by=actor_of(request),
            uploads=sent.uploads,
            once=sent.once,
        )
    except DiscussionError as error:
        composer = sent.composer(user, str(error)) if sent else Composer(error=str(error))
        return _again(request, user, subject, composer)
    if not wants_part(request):
        for tone, words in warnings(made):
            messages.add_message(request, tone, words)
        return redirect(f"{home_of(subject)}#comment-{made.comment.pk}")
    # The composer is sent anew, empty, beside the comment.
    shown = thread_of(subject.reference, user, subject=subject)
    entry = one_entry(made.comment, user, subject)
    context = {"thread": shown, "entry": entry, "warnings": [words for _tone, words in warnings(made)]}
    response = render(request, "discussion/added.html", context)
    if not made.created:
        # Sent twice: the comment stands in the page already.
        response["HX-Reswap"] = "none"
    return response


def _again(request: HttpRequest, user: User, subject: Subject, composer: Composer) -> HttpResponse:
    """Show the form with what was typed; htmx puts it in the place of the old one."""
    shown = thread_of(subject.reference, user, subject=subject, composer=composer)
    if not wants_part(request):
        return _page(request, shown, status=422)
    response = render(request, "discussion/composer.html", {"thread": shown})
    response["HX-Retarget"], response["HX-Reswap"] = "#composer", "outerHTML"
    return response


def _page(request: HttpRequest, shown: Thread, status: int = 200) -> HttpResponse:
    return render(request, "discussion/page.html", {"thread": shown}, status=status)


def warnings(made: Commented) -> list[tuple[int, str]]:
    """Return what the writer should know about the people named."""
    said = []
    if made.unseen:
        words = _("%(names)s cannot see this, and was not told.")
        said.append((messages.WARNING, words % {"names": ", ".join(made.unseen)}))
    if made.ambiguous:
        words = _("Several people could be meant by %(names)s. Write what stands before the @ of the e-mail.")
        said.append((messages.WARNING, words % {"names": ", ".join(made.ambiguous)}))
    return said


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Show how a text will look to its writer."""
    user = signed_in(request)
    text = request.POST.get("body", "")[: comments.LONGEST]
    known = markdown.Known(references.links([text], user), [each.written for each in named_in(text).people])
    return render(request, "discussion/preview.html", {"html": markdown.render(text, known)})


@require_safe
def thread_people(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """List people whose name begins with ``?q=`` and who may see the thing, to be named in a comment."""
    user = signed_in(request)
    subject = access_subject(user, (kind, key))
    words = request.GET.get("q", "").strip()[:80].replace("\x00", "")
    wanted = Q(name__istartswith=words) | Q(name__icontains=f" {words}") | Q(email__istartswith=words)
    found = User.objects.filter(wanted, is_active=True).exclude(pk=user.pk).order_by("name", "pk")
    seeing = [each for each in found[:PEOPLE_ASKED] if subjects.find(subject.reference, each) is not None]
    names = [each.name.casefold() for each in seeing]
    people = [
        (each, each.name if names.count(each.name.casefold()) == 1 else each.email.split("@")[0])
        for each in seeing[:PEOPLE_SHOWN]
    ]
    return render(request, "discussion/people.html", {"people": people})


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
