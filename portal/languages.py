"""Texts that the data itself carries in two languages, as fields ``…_en`` and ``…_ko``."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language


def spoken(thing: Any, field: str) -> str:
    """Return an object's or mapping's field in the reader's language; in English where that is empty."""
    language = (get_language() or "en").partition("-")[0]
    for name in (f"{field}_{language}", f"{field}_en"):
        text = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, "")
        if text:
            return str(text)
    return ""
