"""What can go wrong in the warehouse: named sentences that say where and what to do.

``error_class`` is a value of ``jobs.choices.ErrorClass``: whose fault it
was, and so whether a run tries again.
"""


class WarehouseError(Exception):
    """Something in the warehouse is not as it should be."""

    error_class = "warehouse"


class WarehouseUnavailable(WarehouseError):
    """The warehouse cannot be reached; see LAKE_URL and LAKE_DATA."""


class SnapshotGone(WarehouseUnavailable):
    """The lake does not keep this snapshot any more."""

    # Trying again does not bring it back.
    error_class = "bad_input"

    def __init__(self, snapshot: int) -> None:
        super().__init__(f"The lake keeps no snapshot {snapshot}.")
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

    error_class = "user_code"

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class StalePublish(WarehouseError):
    """A newer run, or a newer attempt of this one, has already published; nothing was changed."""

    # Trying again cannot help: the run does not get younger.
    error_class = "check_failed"

    def __init__(self, target: str) -> None:
        super().__init__(f"«{target}» has already been published by a newer run; nothing was changed.")
        self.target = target


class TargetMoved(WarehouseError):
    """The table was published by another run since this one read it; nothing was changed, try again."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"«{target}» has been published by another run since this one read it; nothing was changed."
        )
        self.target = target


class BadRow(WarehouseError):
    """A row of an input file cannot be read; nothing was changed.

    ``line`` counts from 1; in a format without lines it is the row (``unit``).
    """

    error_class = "bad_input"

    def __init__(self, *, file: str, line: int, column: str, reason: str, unit: str = "line") -> None:
        place = f"{file}, {unit} {line}" + (f", column {column}" if column else "")
        super().__init__(f"{place}: {reason}")
        self.file, self.line, self.column, self.reason = file, line, column, reason


class MissingInput(WarehouseError):
    """An input file is not where it should be."""

    error_class = "bad_input"


class ColumnsChanged(WarehouseError):
    """The new rows have other columns than the published table; nothing was changed."""

    error_class = "bad_input"

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"«{target}» was not published: {reason}")
        self.target = target


class CheckFailed(WarehouseError):
    """The data did not pass a check; nothing was published."""

    error_class = "check_failed"
