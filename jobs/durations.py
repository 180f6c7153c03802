"""Lengths of time as people type them: «90 s», «10 min», «2 h», «1 d», «2시간»; stored as whole seconds."""

import re
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.ui.formats import language

_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_KOREAN: Final = {"s": "초", "min": "분", "h": "시간", "d": "일"}
_WORDS: Final = {
    "": 1,
    **_UNITS,
    "sec": 1,
    "m": 60,
    **{word: _UNITS[unit] for unit, word in _KOREAN.items()},
}


class SecondsField(forms.CharField):
    """A length of time; the value is whole seconds, None where nothing is given."""

    def prepare_value(self, value: Any) -> Any:
        """Show it in the largest unit that says it without a fraction, in the reader's language."""
        if not isinstance(value, int):
            return value
        unit = next((unit for unit in ("d", "h", "min") if value and value % _UNITS[unit] == 0), "s")
        count = value // _UNITS[unit]
        return f"{count}{_KOREAN[unit]}" if language() == "ko" else f"{count} {unit}"

    def to_python(self, value: Any) -> Any:
        """Read what was typed; a number alone is seconds."""
        text = str(super().to_python(value) or "").strip()
        if not text:
            return None
        found = re.fullmatch(r"([0-9]{1,9})\s*([^\s0-9]*)", text)
        if found is None or found[2].lower() not in _WORDS:
            raise forms.ValidationError(_("Write it like «90 s», «10 min», «2 h» or «1 d»."))
        return int(found[1]) * _WORDS[found[2].lower()]

    def run_validators(self, value: Any) -> None:
        """Judge the text only: bounds are the definition's business."""
