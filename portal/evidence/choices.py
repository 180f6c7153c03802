"""The words of verifying: what a second computation says about the first."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Verdict(models.TextChoices):
    """What became of a number when it was computed again."""

    VERIFIED = "verified", _("Same value again")
    INPUT_CHANGED = "input_changed", _("The data has changed")
    DEFINITION_CHANGED = "definition_changed", _("The definition has changed")
    NOT_REPRODUCIBLE = "not_reproducible", _("Not reproducible")
    SOURCE_GONE = "source_gone", _("The source is gone")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return _TONES[self]

    @classmethod
    def moved(cls) -> frozenset[str]:
        """Those that say that the world has moved on, not that the number was wrong."""
        return frozenset({cls.INPUT_CHANGED, cls.DEFINITION_CHANGED})


_TONES = {
    Verdict.VERIFIED: "good",
    Verdict.INPUT_CHANGED: "warn",
    Verdict.DEFINITION_CHANGED: "warn",
    Verdict.NOT_REPRODUCIBLE: "bad",
    Verdict.SOURCE_GONE: "bad",
}


class Half(StrEnum):
    """How one of the two computations went: at the recorded snapshot, or at the newest."""

    SAME = "same"
    DIFFERENT = "different"
    BROKEN = "broken"
    GONE = "gone"
    NO_HISTORY = "no_history"
