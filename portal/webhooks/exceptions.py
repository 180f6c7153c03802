"""Why a delivery was not taken, or is not sent."""


class NotTaken(Exception):
    """The other system answered and did not take it, or there is nobody to send to any more.

    ``reason`` is a word for the row, ``may_heal`` whether a later try makes sense, ``gone`` whether the other
    side asks for no more at all.
    """

    def __init__(self, reason: str, *, may_heal: bool = True, gone: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.may_heal, self.gone = reason, may_heal, gone


class SwitchedOff(Exception):
    """The webhook is switched off: nothing is sent until it is resumed."""
