"""What can be wrong with keys and sealed values; the docstring is the message."""


class VaultError(Exception):
    """A secret cannot be read or written."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class BadKeyRing(VaultError):
    """The key ring cannot be read."""


class MissingKey(VaultError):
    """The key that sealed this value is not in the key ring."""


class Tampered(VaultError):
    """The value was changed or belongs to another row."""
