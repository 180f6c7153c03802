"""Fields and widgets of the forms that are made from schemas."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"widget": forms.Textarea({"rows": 3, "spellcheck": "false"}), **kwargs})

    def prepare_value(self, value: Any) -> Any:
        """Show the list as it is typed."""
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the lines that hold something."""
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def run_validators(self, value: Any) -> None:
        """Look for characters that no database takes."""
        super().run_validators("\n".join(value))


class NumbersField(LinesField):
    """A list of whole numbers, one a line or with commas or blanks between them, in brackets or not."""

    def to_python(self, value: Any) -> Any:
        """Return the numbers in the order that they stand in."""
        words = re.split(r"[\s,]+", " ".join(super().to_python(value)).strip("[], "))
        if wrong := [word for word in words if word and not _WHOLE.fullmatch(word)]:
            raise forms.ValidationError(_("“%(word)s” is no whole number."), params={"word": wrong[0][:30]})
        return [int(word) for word in words if word]

    def run_validators(self, value: Any) -> None:
        """Numbers hold no characters that a database might not take."""


class LongTextField(forms.CharField):
    """A text of many lines. A browser sends CR LF, which would be kept, and shown in a spreadsheet."""

    def to_python(self, value: Any) -> Any:
        """Return the text with the ends of lines as they were typed."""
        return (super().to_python(value) or "").replace("\r\n", "\n")


class SuggestingInput(forms.TextInput):
    """A line that offers some texts and takes any."""

    def __init__(self, offered: Sequence[str], attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(dict(attrs or {}))
        self._offered = offered

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Draw the line, and beside it what it offers."""
        line = super().render(name, value, {**(attrs or {}), "list": f"{name}:offered"}, renderer)
        offered = format_html_join("", '<option value="{}"></option>', ((each,) for each in self._offered))
        return format_html('{}<datalist id="{}:offered">{}</datalist>', line, name, offered)


class NullsWidget(forms.Textarea):
    """Texts that stand for no value, one a line, and a box for the empty one, which no line can show."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Return the lines, behind an empty text where the box is ticked."""
        lines = str(data.get(name, "")).splitlines()
        return [*([""] if f"{name}:empty" in data else []), *filter(str.strip, lines)]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Draw the box below the lines."""
        lines = super().render(name, "\n".join(filter(None, value or ())), attrs, renderer)
        return format_html(
            '{}<label class="check"><input type="checkbox" name="{}:empty"{}> {}</label>',
            lines,
            name,
            mark_safe(" checked") if "" in (value or ()) else "",
            _("An empty field is NULL"),
        )


class NullsField(LinesField):
    """Texts that stand for no value; one of them may be empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"widget": NullsWidget({"rows": 3, "spellcheck": "false"}), **kwargs})

    def prepare_value(self, value: Any) -> Any:
        """Show the list as it is: the widget tells the empty text apart."""
        return value

    def to_python(self, value: Any) -> Any:
        """Return each text once."""
        return list(dict.fromkeys(text.strip() for text in value or ()))


class PairsField(forms.CharField):
    """Names with texts, one pair a line: «name: text»."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"widget": forms.Textarea({"rows": 3, "spellcheck": "false"}), **kwargs})

    def prepare_value(self, value: Any) -> Any:
        """Show the pairs as they are typed."""
        if isinstance(value, Mapping):
            return "\n".join(f"{name}: {text}" for name, text in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        """Return the pairs by name."""
        pairs = {}
        for line in filter(str.strip, (super().to_python(value) or "").splitlines()):
            name, colon, text = line.partition(":")
            if not colon or not name.strip():
                raise forms.ValidationError(_("Write one pair a line, such as «name: text»."))
            pairs[name.strip()] = text.strip()
        return pairs

    def run_validators(self, value: Any) -> None:
        """Look for characters that no database takes."""
        super().run_validators("\n".join(f"{name}{text}" for name, text in value.items()))


class JsonField(forms.JSONField):
    """Any JSON value; an empty field is no value, and is shown as one."""

    def prepare_value(self, value: Any) -> Any:
        """Show the value on several lines, in the order that it has."""
        if value is None or isinstance(value, InvalidJSONInput):
            return value or ""
        return json.dumps(value, ensure_ascii=False, indent=2)
