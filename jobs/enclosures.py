"""The PDF that goes with the mail of a new edition."""

from uuid import UUID

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from jobs.access import sees_all_of
from jobs.artifacts import ARTIFACTS
from jobs.choices import REPORT_KIND, RunState
from jobs.models import Artifact, Run
from portal.accounts.models import User
from portal.notifications.enclosures import Enclosed
from portal.notifications.mail import File


def edition_pdf(key: str, user: User, most: int) -> Enclosed:
    """Return the PDF of an edition (by its run's id) in the reader's language, if the report is to send it.

    Rights are asked at this moment: the report, and all that it has read. ``most`` are the bytes it may take.
    """
    run = (
        Run.objects.visible_to(user)
        .select_related("job")
        .filter(pk=UUID(key), job__kind=REPORT_KIND, state=RunState.SUCCEEDED)
        .first()
    )
    if run is None or not run.job.config.get("attach"):
        return Enclosed()
    if not sees_all_of(user, run):
        return Enclosed(note=_("The PDF is not attached: it holds rows that you may not see."))
    found = _pdf(run)
    if found is None:
        return Enclosed(note=_("The PDF is not kept any more."))
    if found.size > most:
        return Enclosed(note=_("The PDF is too large for a mail; you find it on the page."))
    try:
        with ARTIFACTS.open(found.stored) as file:
            body = file.read()
    except OSError:
        return Enclosed(note=_("The PDF is not kept any more."))
    return Enclosed((File(found.name, found.media_type, body),))


def _pdf(run: Run) -> Artifact | None:
    files = {each.name.rpartition("-")[2]: each for each in run.artifacts.filter(name__endswith=".pdf")}
    language = (get_language() or "en").partition("-")[0]
    return files.get(f"{language}.pdf") or files.get("en.pdf")
