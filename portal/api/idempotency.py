"""Read the Idempotency-Key header: the caller's own name for one attempt to change something."""

from rest_framework.request import Request

from portal.api.problems import Problem

LONGEST = 255


def idempotency_key(request: Request) -> str | None:
    """Return the key, None without the header; raise a 400 for what is not 1–255 printable ASCII."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise Problem(
            400,
            kind="problem-validation",
            errors=[
                {
                    "field": "Idempotency-Key",
                    "message": f"It takes 1 to {LONGEST} printable ASCII characters.",
                }
            ],
        )
    return key
