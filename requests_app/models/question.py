"""Questions: what somebody asked the data team, and where it stands."""

from datetime import datetime

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission
from requests_app.choices import (
    BlockReason,
    Category,
    DeclineReason,
    Kind,
    Level,
    Priority,
    Resolution,
    SlaState,
    State,
    Visibility,
    WakeOn,
)
from requests_app.models.choosing import NEVER, OPEN, DataRequestQuerySet
from requests_app.models.staffing import Pool

_SHOWN_ANSWER = ["answered", "closed"]
NUMBERED = "REQ-"


class DataRequest(models.Model):
    """A question to the data team, shown as «REQ-2043».

    ``version`` rises with every change; an update that names an older one changes no row. ``next_due_at`` is
    the nearest deadline of its running clocks, NULL while all of them are paused. A snooze hides it from
    queues and changes neither state nor clocks.
    """

    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=Func(
            Value("requests_question_number"), function="nextval", output_field=models.BigIntegerField()
        ),
    )
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.NUMBER)
    decision_needed = models.CharField(max_length=300, blank=True)
    decision_by = models.DateField(null=True, blank=True)
    language = models.CharField(max_length=5, default="en")

    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="questions")
    on_behalf = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, related_name="questions")
    wanted_pool = models.ForeignKey(
        Pool, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The team the asker chose."
    )
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.COMPANY)
    form_token = models.CharField(max_length=255, null=True, editable=False)

    state = models.CharField(max_length=12, choices=State, default=State.NEW)
    resume_state = models.CharField(max_length=12, choices=State, blank=True, default="")
    resolution = models.CharField(max_length=12, choices=Resolution, blank=True, default=Resolution.NONE)
    decline_reason = models.CharField(
        max_length=20, choices=DeclineReason, blank=True, default=DeclineReason.NONE
    )
    decline_note = models.TextField(blank=True)
    block_reason = models.CharField(max_length=20, choices=BlockReason, blank=True, default=BlockReason.NONE)
    block_note = models.TextField(blank=True)
    canonical = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="duplicates")
    answer = models.ForeignKey("Answer", on_delete=models.PROTECT, null=True, related_name="+")

    impact = models.SmallIntegerField(choices=Level, default=Level.MEDIUM)
    urgency = models.SmallIntegerField(choices=Level, default=Level.MEDIUM)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.P3)
    priority_reason = models.CharField(
        max_length=300, blank=True, help_text="Why it differs from impact × urgency."
    )
    effort = models.PositiveSmallIntegerField(default=1, help_text="Effort in points.")

    pool = models.ForeignKey(Pool, on_delete=models.SET_NULL, null=True, related_name="questions")
    route = models.CharField(max_length=10, blank=True, help_text="The rule that chose pool and person.")
    assignee = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="assigned_questions")
    assigned_at = models.DateTimeField(null=True)
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="reviewed_questions")

    snoozed_until = models.DateTimeField(null=True)
    snoozed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    wake_on = models.CharField(max_length=10, choices=WakeOn, blank=True, default="")
    snoozed_at = models.DateTimeField(null=True)

    next_due_at = models.DateTimeField(null=True)
    next_warn_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())
    state_since = models.DateTimeField(db_default=Now())
    triaged_at = models.DateTimeField(null=True)
    first_response_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    reopen_count = models.PositiveSmallIntegerField(default=0)
    reminders = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    search = SearchVectorField(null=True, editable=False)
    title_search = SearchVectorField(null=True, editable=False)

    objects = DataRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["requester", "form_token"], name="question_asked_once"),
            models.CheckConstraint(
                condition=Q(state="duplicate", canonical__isnull=False)
                | (~Q(state="duplicate") & Q(canonical__isnull=True)),
                name="question_duplicate_of_something",
            ),
            models.CheckConstraint(condition=~Q(canonical=F("id")), name="question_not_its_own_duplicate"),
            models.CheckConstraint(
                condition=(Q(state="blocked") & ~Q(block_reason=""))
                | (~Q(state="blocked") & Q(block_reason="")),
                name="question_blocked_with_reason",
            ),
            models.CheckConstraint(
                condition=(Q(state="declined") & ~Q(decline_reason=""))
                | (~Q(state="declined") & Q(decline_reason="")),
                name="question_declined_with_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="answered") | Q(answer__isnull=False, answered_at__isnull=False),
                name="question_answered_has_answer",
            ),
            models.CheckConstraint(
                condition=(Q(state="needs_info") & Q(resume_state__in=["new", "ready", "in_progress"]))
                | (~Q(state="needs_info") & Q(resume_state="")),
                name="question_resumes_somewhere",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["in_progress", "blocked", "in_review"]) | Q(assignee__isnull=False),
                name="question_worked_on_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state="in_review") | Q(reviewer__isnull=False),
                name="question_review_by_somebody",
            ),
            models.CheckConstraint(
                condition=(Q(state__in=["closed", "declined", "duplicate"]) & Q(closed_at__isnull=False))
                | (~Q(state__in=["closed", "declined", "duplicate"]) & Q(closed_at__isnull=True)),
                name="question_closed_at_its_end",
            ),
            models.CheckConstraint(
                condition=Q(snoozed_until__isnull=True, wake_on="")
                | (Q(snoozed_until__isnull=False) & ~Q(wake_on="")),
                name="question_snoozed_until_something",
            ),
        ]
        indexes = [
            # Lists of open questions read only these small indexes, however many closed ones there are.
            models.Index(
                F("priority"),
                Coalesce("next_due_at", Value(NEVER)),
                F("id"),
                condition=Q(state__in=OPEN),
                name="question_queue",
            ),
            models.Index(fields=["state", "id"], condition=Q(state__in=OPEN), name="question_open_by_state"),
            models.Index(fields=["assignee", "state"], condition=Q(state__in=OPEN), name="question_in_hands"),
            # What waits for one person, as analyst, reviewer and asker, in the order of work.
            models.Index(
                F("assignee"),
                F("priority"),
                Coalesce("next_due_at", Value(NEVER)),
                F("id"),
                condition=Q(state__in=OPEN),
                name="question_work_of",
            ),
            models.Index(
                F("reviewer"),
                F("priority"),
                Coalesce("next_due_at", Value(NEVER)),
                F("id"),
                condition=Q(state="in_review"),
                name="question_reviews_of",
            ),
            models.Index(
                F("requester"),
                F("priority"),
                Coalesce("next_due_at", Value(NEVER)),
                F("id"),
                condition=Q(state__in=["needs_info", "answered"]),
                name="question_replies_of",
            ),
            models.Index(fields=["next_due_at"], condition=Q(next_due_at__isnull=False), name="question_due"),
            models.Index(
                fields=["next_warn_at"], condition=Q(next_warn_at__isnull=False), name="question_warn"
            ),
            models.Index(
                fields=["snoozed_until"], condition=Q(snoozed_until__isnull=False), name="question_snoozed"
            ),
            models.Index(
                fields=["state", "state_since"],
                condition=Q(state__in=["needs_info", "answered"]),
                name="question_waits_for_asker",
            ),
            models.Index(fields=["requester", "-id"], name="question_of_asker"),
            models.Index(fields=["on_behalf", "-id"], name="question_of_team"),
            models.Index(fields=["state", "-id"], name="question_by_state"),
            GinIndex(fields=["search"], name="question_search", fastupdate=False),
            # While somebody types only titles are compared, of the two sets that can help.
            GinIndex(
                fields=["title_search"],
                condition=Q(state__in=_SHOWN_ANSWER, answer__isnull=False),
                name="question_title_answered",
                fastupdate=False,
            ),
            GinIndex(
                fields=["title_search"],
                condition=Q(state__in=OPEN),
                name="question_title_open",
                fastupdate=False,
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def get_absolute_url(self) -> str:
        """Return the address of its page."""
        return reverse("question", args=[self.number])

    @property
    def label(self) -> str:
        """The number as people say it: «REQ-2043»."""
        return f"{NUMBERED}{self.number}"

    @property
    def key(self) -> str:
        """The key by which others refer to it."""
        return str(self.number)

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return State(self.state).tone

    @property
    def category(self) -> Category:
        """What its state means for clocks and reports."""
        return State(self.state).category

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes an answer or a reply."""
        return self.state in OPEN

    @property
    def is_snoozed(self) -> bool:
        """Whether it hides from queues now."""
        return self.snoozed_until is not None and self.snoozed_until > timezone.now()

    @property
    def sla(self) -> SlaState:
        """How it stands with its nearest deadline now."""
        return self.sla_at(timezone.now())

    def sla_at(self, now: datetime) -> SlaState:
        """How it stands with its nearest deadline at this time."""
        if not self.is_open:
            return SlaState.NONE
        if self.next_due_at is None:
            waits = self.state in (State.NEEDS_INFO, State.BLOCKED)
            return SlaState.PAUSED if waits else SlaState.NONE
        if self.next_due_at <= now:
            return SlaState.OVERDUE
        warned = self.next_warn_at is not None and self.next_warn_at <= now
        return SlaState.DUE_SOON if warned else SlaState.ON_TRACK

    def state_for(self, user: User) -> str:
        """Its state in the words of this reader: the data team's, or the asker's."""
        state = State(self.state)
        return str(state.label if user.may(Permission.ANSWER_QUESTIONS) else state.for_asker)
