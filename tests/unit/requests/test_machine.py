"""F30 for questions: random people take random steps, and a model says what must come of it."""

import os
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from requests_app.actions import triage
from requests_app.choices import State
from requests_app.exceptions import (
    AlreadyTaken,
    IllegalTransition,
    NotAllowed,
    NothingToUndo,
    NotOwnReview,
    QuestionError,
    ReviewNeeded,
)
from requests_app.models import DataRequest
from requests_app.transitions import Party, find
from tests.factories.questions import make_policy, make_pool
from tests.stateful import take_turns
from tests.unit.requests.steps import BY_CLOCK, NAMES, Stage, parties

# `make soak` takes more.
STEPS = int(os.environ.get("F30_STEPS", "2100"))
A_RUN = 70
PEOPLE = ("ada", "ben", "cleo", "dan", "eun", "finn")
taken = [0]


class Questions(RuleBasedStateMachine):
    """One question in the hands of six people and the clock."""

    cast = None

    @initialize()
    def ask(self):
        self.stage = Stage(self.cast)
        self.state, self.resume, self.version, self.events = "new", "", 1, 1
        self.question = self.stage.question()
        self.audits = AuditEvent.objects.count()

    @rule(name=st.sampled_from(NAMES), who=st.sampled_from(PEOPLE))
    def step(self, name, who):
        taken[0] += 1
        person = getattr(self.cast, who)
        fresh = DataRequest.objects.get(pk=self.question.pk)
        row = find(name, self.state)
        mine = {Party.CLOCK} if name in BY_CLOCK else parties(fresh, who, self.cast)
        expected: tuple[type[Exception], ...] | None = None
        if row is None:
            expected = (IllegalTransition, AlreadyTaken)
        elif not row.who & mine:
            expected = (NotAllowed,)
        elif name == "take" and fresh.assignee_id not in (None, person.pk):
            expected = (AlreadyTaken,)
        refused = self._try(name, fresh, person)
        if refused is not None:
            # A field that does not fit, such as a reviewer who is the author, is no matter of the table.
            fits = expected is not None and isinstance(refused, expected)
            assert fits or isinstance(refused, NotOwnReview | ReviewNeeded), (name, who, self.state, refused)
            return
        assert expected is None, f"{name} by {who} in {self.state} was let through"
        fresh.refresh_from_db()
        self._follow(row, fresh)

    def _try(self, name, question, person):
        try:
            self.stage.take(name, question, person)
        except QuestionError as error:
            return error
        return None

    @rule(who=st.sampled_from(PEOPLE))
    def undo(self, who):
        taken[0] += 1
        person = getattr(self.cast, who)
        fresh = DataRequest.objects.get(pk=self.question.pk)
        last = fresh.events.last()
        source = find(last.kind, last.from_state) if last else None
        may = (
            last.user_id == person.pk
            and last.version == fresh.version
            and source is not None
            and source.undoable
        )
        try:
            triage.undo(question=fresh, user=person, by=Actor.person(person))
        except NothingToUndo:
            assert not may
            return
        assert may
        assert fresh.state == last.from_state
        self.state = fresh.state

    def _follow(self, row, fresh):
        """Say from the row alone where the question must be now."""
        source = self.state
        if row.stays:
            assert fresh.state == source
        elif row.name in ("reply", "resume"):
            assert fresh.state == self.resume
        elif row.name == "reopen":
            assert fresh.state in row.targets
        else:
            assert fresh.state == row.targets[0]
        self.state = fresh.state
        if row.name == "ask_back":
            self.resume = source

    @invariant()
    def what_must_hold(self):
        if not hasattr(self, "question"):
            return
        now = DataRequest.objects.get(pk=self.question.pk)
        assert now.state == self.state
        spans = list(now.spans.all())
        assert [span.to_at for span in spans[:-1]] == [span.from_at for span in spans[1:]]
        assert spans[-1].to_at is None
        assert (spans[-1].state, spans[-1].assignee_id) == (now.state, now.assignee_id)
        assert spans[0].from_at == now.created_at
        assert now.version >= self.version
        self.version = now.version
        assert (now.closed_at is not None) == (now.state in State.final())
        running = [clock for clock in now.clocks.all() if clock.is_running]
        assert now.next_due_at == min((clock.due_at for clock in running if clock.due_at), default=None)
        if now.state in State.final():
            assert not running
        events, audits = now.events.count(), AuditEvent.objects.count()
        assert events >= self.events
        assert audits >= self.audits
        self.events, self.audits = events, audits
        if now.first_response_at:
            assert now.created_at <= now.first_response_at <= now.updated_at + timedelta(seconds=1)


@pytest.mark.django_db
def test_no_order_of_steps_leads_astray(cast):
    make_policy()
    make_pool("central", cast.ben, cast.eun)
    Questions.cast = cast
    taken[0] = 0
    take_turns(Questions, examples=STEPS * 11 // 10 // A_RUN + 10, steps=A_RUN)
    assert taken[0] >= STEPS
