"""What can go wrong with people and tokens, as sentences."""


class AccountsError(Exception):
    """Something about people or tokens could not be done."""


class LastAdministrator(AccountsError):
    """Somebody must stay administrator: without one nobody could add people or give roles."""


class NotYourself(AccountsError):
    """Nobody deactivates themselves: another administrator does it."""


class UnknownScope(AccountsError):
    """A scope is not one of the words that tokens know."""


class ScopeTooWide(AccountsError):
    """A token cannot be given what its owner may not do."""


class TooManyViews(AccountsError):
    """More saved views than a rail can show."""


class NotAList(AccountsError):
    """Only lists can be kept as a view."""


class LinkGone(AccountsError):
    """The link was used, has expired, or was never made."""
