"""What can go wrong in the catalog; each message says what to do."""

from portal.said import said


class CatalogError(Exception):
    """Something in the catalog is not as it should be."""

    error_class = "settings"


class UnknownDataset(CatalogError):
    """No dataset has this key; publish it first or mend the key."""

    def __init__(self, key: str) -> None:
        super().__init__(said("No dataset has the key «%(key)s»; publish it first or mend the key.", key=key))


class UnknownMetric(CatalogError):
    """No metric has this key; define it first or mend the key."""

    def __init__(self, key: str) -> None:
        super().__init__(said("No metric has the key «%(key)s»; define it first or mend the key.", key=key))


class UnknownColumn(CatalogError):
    """The metric names a column that its dataset does not have."""

    def __init__(self, dataset: str, column: str, known: list[str]) -> None:
        super().__init__(
            said(
                "«%(dataset)s» has no column «%(column)s»; it has %(known)s.",
                dataset=dataset,
                column=column,
                known=", ".join(known),
            )
        )


class BadDefinition(CatalogError):
    """The definition cannot be compiled; the message says why."""


class RefusedSql(BadDefinition):
    """The SQL is more than one SELECT over known tables."""


class ChangedMeanwhile(CatalogError):
    """Somebody else changed it at the same time; look at it again and repeat."""
