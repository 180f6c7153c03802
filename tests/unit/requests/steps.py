"""Take any step of the table with fields that fit, as any person: for tests that go through all of them."""

from datetime import timedelta

from django.utils import timezone

from portal.audit.actions import Actor
from requests_app.actions import answers, asker, closing, questions, triage, work
from requests_app.choices import State
from requests_app.transitions import TRANSITIONS, Party
from tests.factories.questions import bring, make_question

NAMES = tuple(dict.fromkeys(row.name for row in TRANSITIONS))
BY_CLOCK = frozenset({"close_unanswered", "close_answered"})


class Stage:
    """Who stands around, and what steps need: an older question to point to, and a verified answer."""

    def __init__(self, cast):
        self.cast = cast
        self.people = {"ada": cast.ada, "ben": cast.ben, "cleo": cast.cleo, "dan": cast.dan, "eun": cast.eun}
        self.people["finn"] = cast.finn
        self.older = make_question(cast.finn, "What is a late flight?")
        known = bring(
            make_question(cast.finn, "How many flights a day?"),
            State.IN_REVIEW,
            lead=cast.cleo,
            analyst=cast.ben,
            reviewer=cast.eun,
        )
        self.answer = answers.publish_answer(question=known, user=cast.eun, by=Actor.person(cast.eun))

    def question(self, state=State.NEW):
        """Ada's question in this state, in Ben's hands and with Eun as reviewer where there are such."""
        return bring(
            make_question(self.cast.ada),
            state,
            lead=self.cast.cleo,
            analyst=self.cast.ben,
            reviewer=self.cast.eun,
        )

    def take(self, name, question, person):
        """Take the step as this person; raises what the action raises."""
        if name in BY_CLOCK:
            return getattr(closing, name)(question=question)
        given = {"question": question, "user": person, "by": Actor.person(person)}
        return self._actions(person)[name](**given)

    def _actions(self, person):
        fields = {
            "accept": (triage.accept, {"kind": "number", "impact": 3, "urgency": 2}),
            "ask_back": (triage.ask_back, {"note": "Which airport?"}),
            "answer_with_existing": (triage.answer_with_existing, {"answer": self.answer}),
            "mark_duplicate": (triage.mark_duplicate, {"canonical": self.older}),
            "decline": (triage.decline, {"reason": "no_data", "note": "There are no such data."}),
            "reconsider": (triage.reconsider, {}),
            "resume": (triage.resume, {}),
            "set_priority": (triage.set_priority, {"impact": 1, "urgency": 1}),
            "snooze": (triage.snooze, {"until": timezone.now() + timedelta(days=1)}),
            "wake": (triage.wake, {}),
            "reply": (asker.reply, {"note": "All three."}),
            "withdraw": (asker.withdraw, {}),
            "accept_answer": (asker.accept_answer, {"outcome": "changed"}),
            "reopen": (asker.reopen, {"note": "What about Newark?"}),
            "take": (work.take, {"override": "a test"}),
            "release": (work.release, {}),
            "block": (work.block, {"reason": "dataset"}),
            "unblock": (work.unblock, {}),
            "assign": (work.assign, {"assignee": self.cast.dan, "override": "a test"}),
            "hand_over": (
                work.hand_over,
                {"assignee": self.cast.dan, "note": "SQL done.", "override": "a test"},
            ),
            "submit_for_review": (answers.submit_for_review, {"reviewer": self.cast.eun, "body": "12 %."}),
            "send_back": (answers.send_back, {"note": "Say which year."}),
            "publish_answer": (answers.publish_answer, {"body": "12 % in 2013."}),
            "save_draft_answer": (answers.save_draft_answer, {"body": "12 %, I think."}),
            "edit_question": (questions.edit_question, {"title": "How late were we in July?"}),
            "link": (questions.link, {"reference": ("dataset", "flights"), "role": "about"}),
            "unlink": (questions.unlink, {"reference": ("dataset", "flights"), "role": "about"}),
            "me_too": (questions.me_too, {}),
            "unfollow": (questions.unfollow, {}),
            "add_follower": (questions.add_follower, {"person": self.cast.finn}),
        }

        def bound(action, extra):
            return lambda **given: action(**given, **extra)

        return {name: bound(action, extra) for name, (action, extra) in fields.items()}


def parties(question, name, cast):
    """What somebody of the cast is to a question, said a second time and in other words than the code."""
    found = {Party.READER}
    if name == "ada":
        found.add(Party.ASKER)
    if name in ("ben", "cleo", "dan", "eun"):
        found.add(Party.ANALYST)
    if name == "cleo":
        found.add(Party.TRIAGER)
    person = getattr(cast, name)
    if question.assignee_id == person.pk:
        found.add(Party.ASSIGNEE)
    if question.reviewer_id == person.pk:
        found.add(Party.REVIEWER)
    return found
