"""What the fields of a step are called, and what is said below them."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

Words = tuple[Promise | str, Promise | str]

_LABELS: Final[dict[str, Words]] = {
    "answer": (
        gettext_lazy("Answered by"),
        gettext_lazy("The number of a question with a verified answer: REQ-1987."),
    ),
    "assignee": (gettext_lazy("Who"), ""),
    "blocker": (
        gettext_lazy("The job or dataset"),
        gettext_lazy("The question goes on by itself when it recovers."),
    ),
    "body": (gettext_lazy("Text"), ""),
    "canonical": (
        gettext_lazy("Asked already as"),
        gettext_lazy("Its number, such as REQ-1987, or its address."),
    ),
    "confidence": (gettext_lazy("How sure"), ""),
    "decision": (
        gettext_lazy("What was decided"),
        gettext_lazy("One or two sentences; they are found later."),
    ),
    "decision_by": (gettext_lazy("By when"), ""),
    "decision_needed": (gettext_lazy("What it decides"), ""),
    "effort": (gettext_lazy("Effort"), ""),
    "helpful": (gettext_lazy("Was it helpful?"), ""),
    "impact": (gettext_lazy("Impact"), ""),
    "kind": (gettext_lazy("Kind"), ""),
    "note": (gettext_lazy("Note"), ""),
    "on_behalf": (gettext_lazy("For the team"), ""),
    "outcome": (gettext_lazy("What became of the decision"), ""),
    "override": (gettext_lazy("Reason to go beyond the limit"), ""),
    "person": (
        gettext_lazy("Person"),
        gettext_lazy("Name or e-mail. They may see the question from then on."),
    ),
    "pool": (gettext_lazy("Queue"), ""),
    "priority": (gettext_lazy("Priority"), ""),
    "priority_reason": (gettext_lazy("Why another priority"), ""),
    "reason": (gettext_lazy("Reason"), ""),
    "reference": (
        gettext_lazy("Thing"),
        gettext_lazy("A metric, dataset, job or question: type its name or paste its address."),
    ),
    "reviewer": (gettext_lazy("Reviewer"), ""),
    "role": (gettext_lazy("What it is to the question"), ""),
    "title": (gettext_lazy("Question"), ""),
    "until": (gettext_lazy("Until"), ""),
    "urgency": (gettext_lazy("Urgency"), ""),
    "value_high": (gettext_lazy("At most"), ""),
    "value_kind": (gettext_lazy("Worth"), gettext_lazy("Only if it can be said.")),
    "value_low": (gettext_lazy("At least"), ""),
    "visibility": (gettext_lazy("Who may see it"), ""),
    "wake_on": (gettext_lazy("Or earlier"), ""),
}
_NOTES: Final[dict[str, Words]] = {
    "ask_back": (
        gettext_lazy("What do you need to know?"),
        gettext_lazy("The asker reads this and is told at once."),
    ),
    "decline": (
        gettext_lazy("Words for the asker"),
        gettext_lazy("Say why, and where else they could look."),
    ),
    "hand_over": (gettext_lazy("Where it stands"), gettext_lazy("Only the data team reads this.")),
    "reopen": (gettext_lazy("What is missing?"), ""),
    "reply": (gettext_lazy("Your reply"), gettext_lazy("The data team goes on with it at once.")),
    "send_back": (gettext_lazy("What must change?"), gettext_lazy("Only the data team reads this.")),
}


def words_of(step: str, field: str) -> Words:
    """Return label and help of a field in this step."""
    return _NOTES.get(step, _LABELS["note"]) if field == "note" else _LABELS[field]
