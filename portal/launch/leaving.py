"""Whether this web process was told to stop."""


class Leaving:
    """Set by the signal, read by /readyz: whoever distributes requests sends no more of them here."""

    asked = False
