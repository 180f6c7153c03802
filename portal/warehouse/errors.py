"""What can go wrong in the warehouse: named sentences that say where and what to do.

``error_class`` is a value of ``jobs.choices.ErrorClass``: whose fault it
was, and so whether a run tries again.
"""

from typing import Final, Literal

from django.utils.translation import gettext_noop

from portal.said import said

Unit = Literal["line", "row", "record"]
_PLACES: Final[dict[tuple[Unit, bool], str]] = {
    ("line", False): gettext_noop("%(file)s, line %(line)s: %(why)s"),
    ("line", True): gettext_noop("%(file)s, line %(line)s, column %(column)s: %(why)s"),
    ("row", False): gettext_noop("%(file)s, row %(line)s: %(why)s"),
    ("row", True): gettext_noop("%(file)s, row %(line)s, column %(column)s: %(why)s"),
    ("record", False): gettext_noop("%(file)s, record %(line)s: %(why)s"),
    ("record", True): gettext_noop("%(file)s, record %(line)s, column %(column)s: %(why)s"),
}


class WarehouseError(Exception):
    """Something in the warehouse is not as it should be."""

    error_class = "warehouse"


class WarehouseUnavailable(WarehouseError):
    """The warehouse cannot be reached; see LAKE_URL and LAKE_DATA."""


class WarehouseFull(WarehouseError):
    """There is no space left where the engine writes."""

    error_class = "storage_full"


class SnapshotGone(WarehouseUnavailable):
    """The lake does not keep this snapshot any more."""

    # Trying again does not bring it back.
    error_class = "bad_input"

    def __init__(self, snapshot: int) -> None:
        super().__init__(said("The lake keeps no snapshot %(snapshot)s.", snapshot=snapshot))
        self.snapshot = snapshot


class WarehouseBusy(WarehouseError):
    """Others kept publishing at the same moment; nothing was changed, try again."""


class QueryTimeout(WarehouseError):
    """The query took longer than it may and was stopped."""

    error_class = "timeout"


class QueryFailed(WarehouseError):
    """The warehouse refused the query; the message is its own."""

    error_class = "user_code"

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class QueryTooLarge(WarehouseError):
    """The query needs more memory than it may have."""

    error_class = "bad_input"


class RefusedSql(WarehouseError):
    """The SQL may not run; the message says what to change. ``line`` and ``column`` count from 1."""

    error_class = "settings"

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class StalePublish(WarehouseError):
    """A newer run, or a newer attempt of this one, has already published; nothing was changed."""

    # Trying again cannot help: the run does not get younger.
    error_class = "check_failed"

    def __init__(self, target: str) -> None:
        super().__init__(
            said("«%(table)s» has already been published by a newer run; nothing was changed.", table=target)
        )
        self.target = target


class TargetMoved(WarehouseError):
    """The table was published by another run since this one read it; nothing was changed, try again."""

    def __init__(self, target: str) -> None:
        super().__init__(
            said(
                "«%(table)s» has been published by another run since this one read it; nothing was changed.",
                table=target,
            )
        )
        self.target = target


class BadRow(WarehouseError):
    """A row of an input file cannot be read; nothing was changed.

    ``line`` counts from 1; in a format without lines it is the row or record (``unit``).
    """

    error_class = "bad_input"

    def __init__(self, *, file: str, line: int, column: str, reason: str, unit: Unit = "line") -> None:
        template = _PLACES[unit, bool(column)]
        super().__init__(said(template, file=file, line=line, column=column, why=reason))
        self.file, self.line, self.column, self.reason = file, line, column, reason


class MissingInput(WarehouseError):
    """An input file is not where it should be."""

    error_class = "bad_input"


class ColumnsChanged(WarehouseError):
    """The new rows have other columns than the published table; nothing was changed."""

    error_class = "bad_input"

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(said("«%(table)s» was not published: %(why)s", table=target, why=reason))
        self.target = target


class CheckFailed(WarehouseError):
    """The data did not pass a check; nothing was published."""

    error_class = "check_failed"
