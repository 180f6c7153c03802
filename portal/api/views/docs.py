"""The API's page, for people who write the calls."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from portal.accounts.scopes import SCOPES
from portal.api import reference


@dataclass(frozen=True, slots=True)
class Explained:
    """A kind of problem; its anchor is what the problem's ``type`` points to."""

    anchor: str
    status: str
    text: str | Promise


PROBLEMS = (
    Explained("problem-400", "400", _("The request could not be understood: mend it, do not repeat it.")),
    Explained("problem-validation", "400, 422", _("Some values are not right; “errors” names each field.")),
    Explained("problem-idempotency", "422", _("The Idempotency-Key was used before with other parameters.")),
    Explained("problem-sql", "422", _("The SQL is refused; “line” and “column” say where.")),
    Explained("problem-401", "401", _("There is no token, or it is unknown, expired or revoked.")),
    Explained("problem-403", "403", _("The token's scopes or its owner's roles do not allow it.")),
    Explained("problem-404", "404", _("There is nothing here, or nothing that the owner may see.")),
    Explained(
        "problem-405", "405", _("The address does not take this method; “Allow” names those it takes.")
    ),
    Explained("problem-disabled", "409", _("The job is switched off.")),
    Explained("problem-ended", "409", _("The run has ended; nothing is left to cancel.")),
    Explained("problem-missed", "409", _("The run went from hand to hand meanwhile; cancel it again.")),
    Explained("problem-411", "411", _("Send the body with Content-Length, not in chunks.")),
    Explained("problem-413", "413", _("The body is larger than one megabyte.")),
    Explained("problem-415", "415", _("The body is not JSON, or it is packed.")),
    Explained("problem-429", "429", _("Too many calls; wait as many seconds as “Retry-After” says.")),
    Explained("problem-500", "500", _("Something broke on our side; tell us the request_id.")),
    Explained("problem-503", "503", _("Data Desk cannot answer now; try again in a moment.")),
)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show every call with its parameters, answers and an example."""
    context = {
        "groups": reference.groups(),
        "problems": PROBLEMS,
        "scopes": [(scope, label) for scope, (_permission, label) in SCOPES.items()],
        "address": settings.PUBLIC_URL,
    }
    return render(request, "api/docs.html", context)
