"""What pydantic says about a value, field by field and in the reader's language."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from pydantic import ValidationError

from jobs.exceptions import FieldError

_FIELD_FIRST: Final = re.compile(r"([a-z_]+): (.+)", re.DOTALL)


def complaints(error: ValidationError, prefix: str = "") -> list[FieldError]:
    """Return what is wrong with each field; ``field`` is its dotted path behind the prefix."""
    found = []
    for each in error.errors(include_url=False):
        place, message = [*filter(None, [prefix]), *map(str, each["loc"])], _told(each)
        # What judges a model as a whole says first which of its fields it means.
        if isinstance(each["input"], Mapping) and (named := _FIELD_FIRST.fullmatch(message)):
            place, message = [*place, named[1]], named[2]
        found.append(FieldError(field=".".join(place), message=message))
    return found


def goes_with(value: Any, *, choice: str, needed_for: str) -> str:
    """Say what is wrong where a field is needed for one choice, and means nothing beside another."""
    if choice == needed_for and not value:
        return _("It is needed for «{choice}».").format(choice=needed_for)
    if choice != needed_for and value:
        return _("Only «{choice}» takes it.").format(choice=needed_for)
    return ""


def holds_nul(value: Any) -> bool:
    """Say whether a text within holds NUL, which PostgreSQL cannot keep."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, Mapping):
        return any(holds_nul(each) for pair in value.items() for each in pair)
    return isinstance(value, list | tuple) and any(holds_nul(each) for each in value)


def _told(each: Any) -> str:
    words = _WORDS.get(each["type"])
    if words is None:
        # A validator of the model's own says what is wrong in words of its own.
        return str(each["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return words().format(**each.get("ctx", {}))


_WORDS: Final[dict[str, Callable[[], str]]] = {
    "missing": lambda: _("This is needed."),
    "extra_forbidden": lambda: _("There is no such field."),
    "string_type": lambda: _("It takes text."),
    "string_too_short": lambda: _("Its length must be {min_length} or more."),
    "string_too_long": lambda: _("It takes {max_length} characters at most."),
    "string_pattern_mismatch": lambda: _("It must match the pattern {pattern}"),
    "int_type": lambda: _("It takes a whole number."),
    "int_parsing": lambda: _("It takes a whole number."),
    "int_from_float": lambda: _("It takes a whole number."),
    "float_type": lambda: _("It takes a number."),
    "float_parsing": lambda: _("It takes a number."),
    "bool_type": lambda: _("It takes true or false."),
    "bool_parsing": lambda: _("It takes true or false."),
    "list_type": lambda: _("It takes a list."),
    "tuple_type": lambda: _("It takes a list."),
    "dict_type": lambda: _("It takes names with values."),
    "model_type": lambda: _("It takes names with values."),
    "model_attributes_type": lambda: _("It takes names with values."),
    "too_short": lambda: _("It takes {min_length} or more."),
    "too_long": lambda: _("It takes {max_length} at most."),
    "greater_than": lambda: _("It must be more than {gt}."),
    "greater_than_equal": lambda: _("It must be {ge} or more."),
    "less_than": lambda: _("It must be less than {lt}."),
    "less_than_equal": lambda: _("It must be {le} or less."),
    "literal_error": lambda: _("It takes one of: {expected}."),
    "enum": lambda: _("It takes one of: {expected}."),
    "union_tag_invalid": lambda: _("It takes one of: {expected_tags}."),
    "union_tag_not_found": lambda: _("Choose one of its forms."),
    "date_from_datetime_parsing": lambda: _("It takes a date."),
    "date_parsing": lambda: _("It takes a date."),
    "datetime_parsing": lambda: _("It takes a date and time."),
    "url_parsing": lambda: _("It takes an address such as https://example.com/data."),
}
