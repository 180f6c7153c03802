"""What an edition says of a section that failed, in the reader's language."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from portal.ui import formats

# Below this four decimals would say too little.
_SMALL: Final = Decimal("0.1")
_REASONS: Final[dict[str, Promise]] = {
    "slow": gettext_lazy("The query took longer than it may. Read less at a time, or group earlier."),
    "large": gettext_lazy("The answer is too large for a report. Group the rows, or read fewer of them."),
    "refused": gettext_lazy(
        "The query reads or does something that the report’s owner may not. Run it under «Query» to see what."
    ),
    "failed": gettext_lazy("The warehouse could not run the query. Run it under «Query» to see why."),
    "no_rights": gettext_lazy(
        "The report’s owner is gone or may not run SQL any more. Give it another owner."
    ),
    "no_metric": gettext_lazy("There is no such metric, or the report’s owner may not see it."),
    "no_column": gettext_lazy("A column that the table is to show does not stand in the result."),
    "no_chart_column": gettext_lazy("A column that the chart is to draw does not stand in the result."),
    "no_value": gettext_lazy("A parameter of the query has no value: give it one, or a default."),
    "no_grain": gettext_lazy("The metric is not computed for this length of a period."),
    "no_values": gettext_lazy("The metric has no complete period with a value yet."),
    "gone": gettext_lazy("The metric was computed anew at the same moment. The next edition has it."),
}

# The same in a word, as the error of a run without any section tells them.
CODES: Final[dict[str, str]] = {
    "slow": gettext_noop("slow"),
    "large": gettext_noop("large"),
    "refused": gettext_noop("refused"),
    "failed": gettext_noop("failed"),
    "no_rights": gettext_noop("no_rights"),
    "no_metric": gettext_noop("no_metric"),
    "no_column": gettext_noop("no_column"),
    "no_chart_column": gettext_noop("no_chart_column"),
    "no_value": gettext_noop("no_value"),
    "no_grain": gettext_noop("no_grain"),
    "no_values": gettext_noop("no_values"),
    "gone": gettext_noop("gone"),
}


def failure_in_words(failed: dict[str, Any]) -> str:
    """Return why a section (``{"why", "line"}``) is missing."""
    reason = str(_REASONS.get(failed.get("why", ""), _("It could not be computed.")))
    if not failed.get("line"):
        return reason
    place = _("Line {line}").format(line=failed["line"])
    return f"{reason} ({place})"


def written(value: Any, how: str, *, numeric: bool = True) -> Any:
    """Return a cell as a column's format writes it in the reader's language; what is no number stays.

    As it comes, a number of a ``numeric`` column is grouped, with as many decimals as say something.
    """
    if value is None or isinstance(value, bool) or (how == "usual" and not numeric):
        return value
    try:
        # Exact numbers are kept as text.
        number = Decimal(str(value))
    except InvalidOperation:
        return value
    if not number.is_finite():
        return value
    match how:
        case "whole":
            return formats.number(number, 0)
        case "decimals":
            return formats.number(number, 2)
        case "percent":
            return formats.percent(number)
        case "plain":
            return f"{number:f}"
    return _usual(number)


def _usual(number: Decimal) -> str:
    # A share such as 0.7623 needs its four decimals, and what is smaller still its first digits.
    if not number or abs(number) >= 1:
        return formats.number(number)
    return f"{number:.4g}".replace("-", "−") if abs(number) < _SMALL else _trimmed(formats.number(number, 4))


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".")
