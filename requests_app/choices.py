"""The words of questions: states, kinds, priorities, and who sees what."""

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Category(models.TextChoices):
    """What a state means for clocks, lists and reports."""

    TRIAGE = "triage", _("Triage")
    BACKLOG = "backlog", _("Waiting for capacity")
    ACTIVE = "active", _("Being worked on")
    REVIEW = "review", _("In review")
    REQUESTER = "requester", _("Waiting for the asker")
    OTHER = "other", _("Blocked by something else")
    DONE = "done", _("Answered")
    FINAL = "final", _("Closed")


class State(models.TextChoices):
    """Where a question stands, in the analyst's words; ``for_asker`` says it in the asker's."""

    NEW = "new", pgettext_lazy("question", "New")
    NEEDS_INFO = "needs_info", _("Needs info")
    READY = "ready", _("Ready")
    IN_PROGRESS = "in_progress", _("In progress")
    BLOCKED = "blocked", _("Blocked")
    IN_REVIEW = "in_review", _("In review")
    ANSWERED = "answered", _("Answered")
    CLOSED = "closed", _("Closed")
    DECLINED = "declined", _("Declined")
    DUPLICATE = "duplicate", _("Duplicate")

    @classmethod
    def open(cls) -> frozenset["State"]:
        """The states in which somebody still owes an answer or a reply."""
        return frozenset(cls) - cls.final() - {cls.ANSWERED}

    @classmethod
    def final(cls) -> frozenset["State"]:
        """The states that only reopening leaves."""
        return frozenset({cls.CLOSED, cls.DECLINED, cls.DUPLICATE})

    @classmethod
    def held(cls) -> frozenset["State"]:
        """The states in which it counts as work in somebody's hands."""
        return frozenset({cls.IN_PROGRESS, cls.IN_REVIEW})

    @property
    def category(self) -> Category:
        """What the state means for clocks and reports."""
        return _CATEGORIES[self]

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return _TONES[self]

    @property
    def for_asker(self) -> Promise:
        """The state as the asker reads it."""
        return _FOR_ASKER[self]


_CATEGORIES = {
    State.NEW: Category.TRIAGE,
    State.NEEDS_INFO: Category.REQUESTER,
    State.READY: Category.BACKLOG,
    State.IN_PROGRESS: Category.ACTIVE,
    State.BLOCKED: Category.OTHER,
    State.IN_REVIEW: Category.REVIEW,
    State.ANSWERED: Category.DONE,
    State.CLOSED: Category.FINAL,
    State.DECLINED: Category.FINAL,
    State.DUPLICATE: Category.FINAL,
}
_TONES = {
    State.NEW: "info",
    State.NEEDS_INFO: "warn",
    State.READY: "neutral",
    State.IN_PROGRESS: "info",
    State.BLOCKED: "bad",
    State.IN_REVIEW: "info",
    State.ANSWERED: "good",
    State.CLOSED: "neutral",
    State.DECLINED: "neutral",
    State.DUPLICATE: "neutral",
}
_FOR_ASKER = {
    State.NEW: _("Received"),
    State.NEEDS_INFO: _("Waiting for you"),
    State.READY: _("Accepted"),
    State.IN_PROGRESS: _("Being answered"),
    State.BLOCKED: _("Waiting for data"),
    State.IN_REVIEW: _("Being checked"),
    State.ANSWERED: _("Answered"),
    State.CLOSED: _("Closed"),
    State.DECLINED: _("Declined"),
    State.DUPLICATE: _("Asked before"),
}


class Kind(models.TextChoices):
    """What sort of answer is wanted."""

    NUMBER = "number", _("A number")
    DEFINITION = "definition", _("A definition")
    INVESTIGATION = "investigation", _("An investigation")
    REPORT = "report", _("A report")
    ACCESS_QUALITY = "access_quality", _("Access or data quality")

    @property
    def icon(self) -> str:
        """The symbol of the kind."""
        return {
            "number": "chart",
            "definition": "book",
            "investigation": "search",
            "report": "file",
            "access_quality": "shield",
        }[self.value]

    @property
    def needs_review(self) -> bool:
        """Whether somebody other than the author must read the answer before the asker does."""
        return self == Kind.INVESTIGATION


class Level(models.IntegerChoices):
    """How much hangs on it (impact), and how soon (urgency)."""

    LOW = 1, _("Low")
    MEDIUM = 2, _("Medium")
    HIGH = 3, _("High")


class Priority(models.IntegerChoices):
    """Which comes first; 1 before 4."""

    P1 = 1, _("P1: now")
    P2 = 2, _("P2: soon")
    P3 = 3, _("P3: in turn")
    P4 = 4, _("P4: when there is time")

    @classmethod
    def of(cls, impact: int, urgency: int) -> "Priority":
        """Return the priority that impact × urgency makes: 9 is P1, from 6 P2, from 3 P3, else P4."""
        product = impact * urgency
        return cls.P1 if product >= 9 else cls.P2 if product >= 6 else cls.P3 if product >= 3 else cls.P4

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {1: "bad", 2: "warn", 3: "neutral", 4: "neutral"}[self.value]


class Visibility(models.TextChoices):
    """Who may know of a question."""

    COMPANY = "company", _("Everybody in the company")
    TEAM = "team", _("The asker's team and the data team")
    PRIVATE = "private", _("Only the people involved")


class Resolution(models.TextChoices):
    """How it ended."""

    NONE = "", ""
    ANSWERED = "answered", _("Answered")
    EXISTING = "existing", _("Answered by an existing answer")
    DECLINED = "declined", _("Declined")
    DUPLICATE = "duplicate", _("Duplicate of another question")
    WITHDRAWN = "withdrawn", _("Withdrawn by the asker")
    NO_REPLY = "no_reply", _("No reply from the asker")


class DeclineReason(models.TextChoices):
    """Why the data team does not answer a question."""

    NONE = "", ""
    NO_DATA = "no_data", _("The data does not exist")
    NOT_ALLOWED = "not_allowed", _("The data may not be used for this")
    NO_DECISION = "no_decision", _("No decision depends on it")
    SELF_SERVICE = "self_service", _("It can be looked up in the catalog")
    TOO_COSTLY = "too_costly", _("The work outweighs the value")
    OTHER = "other", _("Another reason")


class BlockReason(models.TextChoices):
    """What a blocked question waits for."""

    NONE = "", ""
    JOB = "job", _("A job that failed or has not run")
    DATASET = "dataset", _("Data that is late or wrong")
    ACCESS = "access", _("Access to the data")
    PERSON = "person", _("Somebody outside the data team")
    OTHER = "other", _("Something else")


class WakeOn(models.TextChoices):
    """What ends a snooze before its time."""

    DATE = "date", _("On the date")
    REPLY = "reply", _("When the asker replies")
    JOB = "job", _("When a linked job succeeds")
    DATASET = "dataset", _("When a linked dataset is published")


class LinkRole(models.TextChoices):
    """What a linked thing is to the question."""

    ABOUT = "about", _("About")
    USED = "used", _("Used in the answer")
    BLOCKED_BY = "blocked_by", _("Blocked by")
    PRODUCED = "produced", _("Came out of it")


class AnswerStatus(models.TextChoices):
    """How far an answer is to be trusted."""

    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    PUBLISHED = "published", _("Published")
    VERIFIED = "verified", _("Checked by a second person")
    STALE = "stale", _("Out of date")

    @classmethod
    def shown(cls) -> frozenset["AnswerStatus"]:
        """What everybody who sees the question may read."""
        return frozenset({cls.PUBLISHED, cls.VERIFIED, cls.STALE})

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {"draft": "neutral", "in_review": "info", "published": "info", "verified": "good"}.get(
            self.value, "warn"
        )


class Outcome(models.TextChoices):
    """What became of the decision that the answer was for."""

    CHANGED = "changed", _("We decided differently because of it")
    CONFIRMED = "confirmed", _("It confirmed what we meant to do")
    PENDING = "pending", _("The decision is still to come")
    NOT_USED = "not_used", _("It was not used")


class ValueKind(models.TextChoices):
    """What the answer was worth, if it can be said."""

    NONE = "", ""
    REVENUE = "revenue", _("Revenue")
    COST = "cost", _("Cost avoided")
    TIME = "time", _("Hours saved")
    RISK = "risk", _("Risk avoided")


class Confidence(models.TextChoices):
    """How sure the asker is of the value."""

    NONE = "", ""
    GUESS = "guess", _("A guess")
    ESTIMATE = "estimate", _("An estimate from data")
    MEASURED = "measured", _("Measured")


class ClockMetric(models.TextChoices):
    """What a clock measures."""

    TRIAGE = "triage", _("Triage")
    FIRST_RESPONSE = "first_response", _("First response")
    NEXT_UPDATE = "next_update", _("Reply to the asker")
    ANSWER = "answer", _("Answer")
    HAND_OVER = "hand_over", _("Start after a hand-over")


class ClockOutcome(models.TextChoices):
    """How a clock ended."""

    RUNNING = "", _("Running")
    HIT = "hit", _("In time")
    MISS = "miss", _("Too late")
    DROPPED = "dropped", _("No longer needed")


class SlaState(models.TextChoices):
    """How a question stands with its deadlines, derived and never stored."""

    NONE = "none", _("No deadline")
    ON_TRACK = "on_track", _("On track")
    DUE_SOON = "due_soon", _("Due soon")
    OVERDUE = "overdue", _("Overdue")
    PAUSED = "paused", _("Paused")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return {"on_track": "good", "due_soon": "warn", "overdue": "bad"}.get(self.value, "neutral")


class Rule(models.TextChoices):
    """Which rule of the routing chose the pool and the person."""

    EXPLICIT = "explicit", _("The asker chose this team")
    OWNER = "owner", _("This team owns the linked data")
    TOUR = "tour", _("Placed in the asker's team")
    ROTATION = "rotation", _("Central rotation")
    NOBODY = "nobody", _("Nobody is free")


class PoolKind(models.TextChoices):
    """Whose queue it is."""

    CENTRAL = "central", _("Central rotation")
    OWNER = "owner", _("Owners of data")


class Seen(models.TextChoices):
    """What somebody did with what was suggested while they typed."""

    SHOWN = "shown", _("Shown")
    OPENED = "opened", _("Opened")
    ACCEPTED = "accepted", _("Answered the question")
    ASKED = "asked", _("Asked all the same")
