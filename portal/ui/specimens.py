"""What the gallery shows: one example of each component in each state."""

from typing import Any


def everything() -> dict[str, Any]:
    """Return the gallery's context."""
    return {"tones": ["neutral", "info", "good", "warn", "bad"]}
