"""What pydantic says about a value, field by field and in the reader's language."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from django.utils.translation import gettext_noop as _
from pydantic import BaseModel, ValidationError

from jobs.exceptions import FieldError
from portal.said import joined, said, said_of

Model = TypeVar("Model", bound=BaseModel)

_FIELD_FIRST: Final = re.compile(r"([a-z_]+): (.+)", re.DOTALL)


class WrongField(ValueError):
    """What judges a model as a whole finds wrong with one of its fields."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.message = message


def complaints(error: ValidationError, prefix: str = "") -> list[FieldError]:
    """Return what is wrong with each field; ``field`` is its dotted path behind the prefix."""
    found = []
    for each in error.errors(include_url=False):
        place, message = [*filter(None, [prefix]), *map(str, each["loc"])], _told(each)
        # What judges a model as a whole says first which of its fields it means.
        if isinstance(each["input"], Mapping) and (named := _FIELD_FIRST.fullmatch(message)):
            place, message = [*place, named[1]], named[2]
            if isinstance(raised := _raised(each), WrongField):
                message = raised.message
        found.append(FieldError(field=".".join(place), message=message))
    return found


class DoesNotFit(Exception):
    """A job's configuration or parameters do not fit what takes them by now."""

    error_class = "settings"


def fitted(model: type[Model], value: Any, prefix: str) -> Model:
    """Return a value as the model that takes it; raises DoesNotFit with a sentence for each field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        wrong = [joined(": ", [each["field"], each["message"]]) for each in complaints(error, prefix)]
        raise DoesNotFit(joined("; ", wrong)) from error


def goes_with(value: Any, *, choice: str, needed_for: str) -> str:
    """Say what is wrong where a field is needed for one choice, and means nothing beside another."""
    if choice == needed_for and not value:
        return said("It is needed for «%(choice)s».", choice=needed_for)
    if choice != needed_for and value:
        return said("Only «%(choice)s» takes it.", choice=needed_for)
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
    if words is not None:
        given = each.get("ctx", {})
        return said(words, **{name: given[name] for name in given if f"%({name})s" in words})
    # A validator of the model's own says what is wrong in words of its own.
    if (raised := _raised(each)) is not None:
        return said_of(raised)
    return str(each["msg"])


def _raised(each: Any) -> Exception | None:
    error = each.get("ctx", {}).get("error")
    return error if isinstance(error, Exception) else None


_WORDS: Final[dict[str, str]] = {
    "missing": _("This is needed."),
    "extra_forbidden": _("There is no such field."),
    "string_type": _("It takes text."),
    "string_too_short": _("It takes %(min_length)s characters or more."),
    "string_too_long": _("It takes %(max_length)s characters at most."),
    "string_pattern_mismatch": _("It must match the pattern %(pattern)s"),
    "int_type": _("It takes a whole number."),
    "int_parsing": _("It takes a whole number."),
    "int_from_float": _("It takes a whole number."),
    "float_type": _("It takes a number."),
    "float_parsing": _("It takes a number."),
    "bool_type": _("It takes true or false."),
    "bool_parsing": _("It takes true or false."),
    "list_type": _("It takes a list."),
    "tuple_type": _("It takes a list."),
    "dict_type": _("It takes names with values."),
    "model_type": _("It takes names with values."),
    "model_attributes_type": _("It takes names with values."),
    "too_short": _("Add some: it takes %(min_length)s or more."),
    "too_long": _("It takes %(max_length)s at most."),
    "greater_than": _("It must be more than %(gt)s."),
    "greater_than_equal": _("It must be %(ge)s or more."),
    "less_than": _("It must be less than %(lt)s."),
    "less_than_equal": _("It must be %(le)s or less."),
    "literal_error": _("It takes one of: %(expected)s."),
    "enum": _("It takes one of: %(expected)s."),
    "union_tag_invalid": _("It takes one of: %(expected_tags)s."),
    "union_tag_not_found": _("Choose one of its forms."),
    "date_from_datetime_parsing": _("It takes a date."),
    "date_parsing": _("It takes a date."),
    "datetime_parsing": _("It takes a date and time."),
    "url_parsing": _("It takes an address such as https://example.com/data."),
}
