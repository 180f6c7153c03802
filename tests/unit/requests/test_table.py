"""Every state × every step × every person: allowed exactly as the table says, and nothing moves otherwise."""

import pytest
from django.db import transaction

from portal.audit.models import AuditEvent
from portal.audit.wording import SENTENCES
from requests_app.choices import State
from requests_app.exceptions import AlreadyTaken, IllegalTransition, NotAllowed
from requests_app.transitions import TRANSITIONS, Party, find, possible
from tests.factories.questions import make_policy, make_pool
from tests.unit.requests.steps import BY_CLOCK, NAMES, Stage, parties

pytestmark = pytest.mark.django_db


class _Undo(Exception):
    """Roll back to before the step."""


@pytest.fixture
def stage(cast):
    make_policy()
    make_pool("central", cast.ben, cast.eun)
    return Stage(cast)


def outcome(stage, name, question, person):
    """What the step comes to, in a savepoint that is rolled back: the new state, or the refusal."""
    fresh = type(question).objects.get(pk=question.pk)
    found = None
    try:
        with transaction.atomic():
            try:
                stage.take(name, fresh, person)
            except (IllegalTransition, NotAllowed, AlreadyTaken) as error:
                found = type(error)
            else:
                fresh.refresh_from_db()
                found = fresh.state
            raise _Undo  # noqa: TRY301
    except _Undo:
        return found


@pytest.mark.parametrize("state", list(State))
def test_a_step_is_allowed_exactly_as_the_table_says(stage, state):
    question = stage.question(state)
    for name in NAMES:
        row = find(name, state)
        for key, person in stage.people.items():
            found = outcome(stage, name, question, person)
            who = {Party.CLOCK} if name in BY_CLOCK else parties(question, key, stage.cast)
            if found is AlreadyTaken:
                assert name == "take"
                assert Party.ANALYST in who
                assert question.assignee_id not in (None, person.pk)
            elif row is None:
                assert found is IllegalTransition, f"{name} by {key} in {state}: {found}"
            elif not row.who & who:
                assert found is NotAllowed, f"{name} by {key} in {state}: {found}"
            else:
                targets = row.targets or (state,)
                assert found in targets, f"{name} by {key} in {state}: {found}"


def test_a_refusal_says_what_is_possible_instead(stage):
    question = stage.question(State.NEEDS_INFO)
    with pytest.raises(IllegalTransition) as refused:
        stage.take("take", question, stage.cast.ben)
    assert "resume" not in refused.value.possible
    with pytest.raises(IllegalTransition) as refused:
        stage.take("accept", question, stage.cast.ada)
    assert {"reply", "withdraw", "edit_question"} <= set(refused.value.possible)


def test_each_state_but_the_ends_can_be_left_by_a_person():
    for state in State:
        assert [
            row for row in TRANSITIONS if state in row.sources and row.targets and row.who != {Party.CLOCK}
        ]


def test_no_step_stands_twice_for_one_state():
    for state in State:
        names = [row.name for row in TRANSITIONS if state in row.sources]
        assert len(names) == len(set(names)), state


def test_keys_do_not_clash_for_anybody():
    everything = frozenset(Party) - {Party.ASKER}
    for state in State:
        for who in (everything, frozenset({Party.ASKER, Party.READER})):
            keys = [row.key for row in possible(state, who) if row.key]
            assert len(keys) == len(set(keys)), (state, who, keys)


def test_each_step_has_its_sentence_in_the_audit_trail():
    names = {row.name for row in TRANSITIONS} - {"save_draft_answer"} | {"ask", "undo", "remind"}
    assert {f"question.{name}" for name in names} <= set(SENTENCES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"wake", "unlink", "unfollow"}])
def test_a_step_leaves_one_audit_event_that_keeps_the_title_out(stage, name):
    row = next(row for row in TRANSITIONS if row.name == name)
    state = max(row.sources, key=list(State).index)
    question = stage.question(state)
    people = [
        person for key, person in stage.people.items() if row.who & parties(question, key, stage.cast)
    ] or [stage.cast.cleo]
    if name == "me_too":
        people = [stage.cast.finn]
    before = AuditEvent.objects.count()
    stage.take(name, question, people[0])
    events = [event for event in AuditEvent.objects.order_by("pk")[before:] if event.object_label]
    assert len(events) == 1
    assert events[0].object_label == question.label
    assert question.title not in str(events[0].data)
