"""The 3A score: twelve checks of what makes a metric accessible, actionable and auditable.

Four checks a letter; each one that fails says how to mend it. The score is the share that passes, of 100.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.choices import Certification
from catalog.models import Metric


class Letter(StrEnum):
    """One of the three."""

    ACCESSIBLE = "accessible"
    ACTIONABLE = "actionable"
    AUDITABLE = "auditable"

    @property
    def label(self) -> Promise:
        """The letter for the reader."""
        return {
            Letter.ACCESSIBLE: _("Accessible"),
            Letter.ACTIONABLE: _("Actionable"),
            Letter.AUDITABLE: _("Auditable"),
        }[self]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what passes, and what to do where it fails."""

    letter: Letter
    passed: bool
    label: Promise
    fix: Promise


@dataclass(frozen=True, slots=True)
class Part:
    """The checks of one letter."""

    letter: Letter
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Score:
    """All checks of a metric."""

    checks: tuple[Check, ...]

    @property
    def points(self) -> int:
        """The score, 0–100."""
        return round(100 * len(self.passing) / len(self.checks))

    @property
    def passing(self) -> list[Check]:
        """The checks that pass."""
        return [check for check in self.checks if check.passed]

    @property
    def failing(self) -> list[Check]:
        """The checks that fail."""
        return [check for check in self.checks if not check.passed]

    @property
    def parts(self) -> list[Part]:
        """The checks counted by letter."""
        return [
            Part(letter, sum(check.passed for check in own), len(own))
            for letter in Letter
            if (own := [check for check in self.checks if check.letter is letter])
        ]


def score(metric: Metric, *, has_values: bool, has_chart: bool, upstream_known: bool) -> Score:
    """Score a metric with a version from its definition and what is known of its data."""
    return Score(
        (
            *_accessible(metric, has_values=has_values, has_chart=has_chart),
            *_actionable(metric),
            *_auditable(metric, has_values=has_values, upstream_known=upstream_known),
        )
    )


def _accessible(metric: Metric, *, has_values: bool, has_chart: bool) -> Iterable[Check]:
    asset = metric.asset
    letter = Letter.ACCESSIBLE
    yield Check(
        letter, has_values, _("It has values"), _("Run the job that refreshes it, and see why it has none.")
    )
    yield Check(letter, has_chart, _("Its trend is drawn"), _("Refresh it, so that its trend is drawn."))
    yield Check(
        letter,
        bool(asset.name_en and asset.name_ko),
        _("It has a name in both languages"),
        _("Give it a name in the missing language."),
    )
    yield Check(
        letter,
        bool(asset.description_en and asset.description_ko),
        _("It is described in both languages"),
        _("Describe in one sentence what it counts, in both languages."),
    )


def _actionable(metric: Metric) -> Iterable[Check]:
    acts = metric.version.parsed.actionable if metric.version else None
    letter = Letter.ACTIONABLE
    backup = bool(acts and acts.backup)
    yield Check(
        letter,
        metric.asset.owner_id is not None and backup,
        _("It has an owner and a backup"),
        _("Name the backup who acts when the owner is away.")
        if metric.asset.owner_id
        else _("Name an owner, and a backup for the days when the owner is away."),
    )
    yield Check(
        letter, bool(acts and acts.targets), _("It has a target"), _("Set the value to reach and since when.")
    )
    yield Check(
        letter,
        bool(acts and acts.thresholds),
        _("It says when to worry"),
        _("Set a threshold, so that trouble is seen without anybody looking."),
    )
    yield Check(
        letter,
        bool(acts and acts.playbook_en and acts.playbook_ko),
        _("It has a playbook"),
        _("Write down what to do when it moves, in both languages."),
    )


def _auditable(metric: Metric, *, has_values: bool, upstream_known: bool) -> Iterable[Check]:
    letter = Letter.AUDITABLE
    version = metric.version
    yield Check(
        letter,
        has_values,
        _("Every value has its evidence"),
        _("Refresh it: each value is then stored with its query and its data’s version."),
    )
    yield Check(
        letter,
        upstream_known,
        _("Its dataset is in the catalog"),
        _("Publish the dataset that it is computed from, or mend its key in the definition."),
    )
    yield Check(
        letter,
        bool(version and version.reason),
        _("Its last change has a reason"),
        _("Say why the definition was changed."),
    )
    yield Check(
        letter,
        metric.asset.certification == Certification.CERTIFIED,
        _("It is certified"),
        _("Let somebody who knows the number check it and certify it."),
    )
