"""The folder of source files: what lies in it, files brought in, folders made, files deleted."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import source_files as folder_of_files
from jobs.actions import source_files as actions
from jobs.exceptions import FileRefused, NameTaken
from jobs.uploads import SourceUploadHandler
from portal.accounts.access import require, signed_in
from portal.accounts.permissions import Permission
from portal.audit.actions import actor_of
from portal.storage import shown_name
from portal.ui.htmx import wants_part

LONGEST_WORD = 100


@require_safe
def source_files(request: HttpRequest) -> HttpResponse:
    """Show a folder below SOURCE_FOLDER, and which jobs read what lies in it."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    folder = request.GET.get("folder", "")
    sought = request.GET.get("q", "").strip()[:LONGEST_WORD]
    after = request.GET.get("after", "")
    listing = folder_of_files.listing(folder, sought=sought, after=after)
    folder_of_files.with_jobs(listing.entries, user)
    here = {name: value for name, value in (("folder", folder), ("q", sought)) if value}
    context = {
        "folder": folder,
        "crumbs": folder_of_files.crumbs(folder),
        "sought": sought,
        "after": after,
        "listing": listing,
        "first_page": urlencode(here),
        "next_page": urlencode({**here, "after": listing.after}) if listing.after else "",
        "most": settings.SOURCE_FILE_MB,
    }
    return render(request, "jobs/files.html", context)


@csrf_exempt  # Only until the files' way to the disk is set, before which nothing may read the body.
def source_upload(request: HttpRequest) -> HttpResponse:
    """Take files into a folder, straight to its disk."""
    require(signed_in(request), Permission.EDIT_JOBS)
    folder = request.GET.get("folder", "")
    if folder:
        with folder_of_files.open_folder(folder):
            pass
    handler = SourceUploadHandler(request, folder)
    request.upload_handlers = [handler]
    try:
        return _keep(request, handler)
    finally:
        handler.give_up()


@csrf_protect
@require_POST
def _keep(request: HttpRequest, handler: SourceUploadHandler) -> HttpResponse:
    # This reads the body, where nothing has so far.
    replace = request.POST.get("replace") == "on"
    kept, refused = [], [(name, why, False) for name, why in handler.refused]
    for name, incoming in handler.came:
        try:
            kept.append(actions.keep(incoming=incoming, name=name, replace=replace, by=actor_of(request)))
        except FileRefused as error:
            refused.append((name, str(error), isinstance(error, NameTaken) and not replace))
    if not kept and not refused:
        refused.append(("", _("No file came with it."), False))
    if wants_part(request):
        context = {"kept": [folder_of_files.find_file(path) for path in kept], "refused": refused}
        return render(request, "jobs/files/sent.html", context, status=422 if refused else 201)
    for name, why, _taken in refused:
        messages.error(request, f"{shown_name(name)}: {why}" if name else why)
    if kept:
        text = ngettext("{n} file is in its place.", "{n} files are in their places.", len(kept))
        messages.success(request, text.format(n=len(kept)))
    return redirect(_page_of(request.GET.get("folder", "")))


@require_POST
def source_folder_new(request: HttpRequest) -> HttpResponse:
    """Make a folder in the folder shown."""
    require(signed_in(request), Permission.EDIT_JOBS)
    folder = request.POST.get("folder", "")
    try:
        made = actions.make_folder(folder=folder, name=request.POST.get("name", ""), by=actor_of(request))
    except FileRefused as error:
        messages.error(request, str(error))
        return redirect(_page_of(folder))
    messages.success(request, _("The folder is there. Upload files into it."))
    return redirect(_page_of(made))


@require_http_methods(["GET", "HEAD", "POST"])
def source_file_delete(request: HttpRequest) -> HttpResponse:
    """Ask before a file is deleted, naming the jobs that read it; delete it."""
    user = signed_in(request)
    require(user, Permission.EDIT_JOBS)
    path = (request.POST if request.method == "POST" else request.GET).get("path", "")
    entry = folder_of_files.find_file(path)
    folder = folder_of_files.split(path)[0]
    if request.method == "POST":
        try:
            actions.delete(path=path, by=actor_of(request))
        except FileRefused as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("“%(name)s” is deleted.") % {"name": entry.name})
        return redirect(_page_of(folder))
    folder_of_files.with_jobs([entry], user)
    context = {"entry": entry, "folder": folder, "crumbs": folder_of_files.crumbs(folder)}
    return render(request, "jobs/file_delete.html", context)


def _page_of(folder: str) -> str:
    page = reverse("source_files")
    return f"{page}?{urlencode({'folder': folder})}" if folder else page
