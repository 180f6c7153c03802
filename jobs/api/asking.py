"""Read what callers put into the address."""

from rest_framework.request import Request

from portal.api.problems import Problem


def whole_number(request: Request, name: str, *, default: int, least: int = 0, most: int) -> int:
    """Return a whole number of the query string; raises a 400 for what is none within bounds."""
    raw = request.query_params.get(name, str(default))
    if not raw.isascii() or not raw.isdigit() or len(raw) > 10 or not least <= int(raw) <= most:
        message = f"It takes a whole number from {least} to {most}."
        raise Problem(400, kind="problem-validation", errors=[{"field": name, "message": message}])
    return int(raw)
