"""Where browsers report what the content security policy stopped."""

import json
from typing import Any, Final

import structlog
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

log = structlog.get_logger(__name__)

LARGEST: Final = 10_000
_FIELDS: Final = (
    "document-uri",
    "violated-directive",
    "effective-directive",
    "blocked-uri",
    "source-file",
    "line-number",
)


@login_not_required
@csrf_exempt  # Browsers send reports without a token; nothing is changed by one.
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Log one report: known fields only, cut short, without the query strings of addresses."""
    length = request.headers.get("content-length") or "0"
    if not length.isdigit() or int(length) > LARGEST:
        return HttpResponse(status=413)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return HttpResponse(status=400)
    report = body.get("csp-report") if isinstance(body, dict) else None
    if not isinstance(report, dict):
        return HttpResponse(status=400)
    log.warning("csp_violation", **{name.replace("-", "_"): _short(report.get(name)) for name in _FIELDS})
    return HttpResponse(status=204)


def _short(value: Any) -> str:
    # A query string may hold what somebody typed; the log needs only the page.
    return str(value if value is not None else "").partition("?")[0][:300]
