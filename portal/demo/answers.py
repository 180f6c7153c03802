"""Answer two of the demonstration's questions with real numbers, once the metrics have been computed.

The clock looks for them: nothing is said that the portal itself has not computed, and each number carries its
evidence.
"""

import time
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import transaction

from catalog.actions.metrics import keep_series
from catalog.models import MetricPoint
from portal.audit.actions import Actor
from portal.configuration import Mode
from portal.demo.questions import MARK
from portal.events import clock_steps
from portal.evidence.actions import cite
from requests_app.actions import answers
from requests_app.choices import State
from requests_app.models import DataRequest

_EVERY_S: Final = 15.0
_last = [float("-inf")]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that waits for a metric's newest month, and how its answer reads."""

    key: str
    metric: str
    body: str
    title: str


WAITING: Final = (
    Waiting(
        "latest-on-time",
        "ops.on_time_rate",
        "In the latest month, {month}, **{value:.1%}** of the flights arrived on time.\n\n"
        "The evidence below holds the query and can be verified by one click.",
        "On-time rate by month",
    ),
    Waiting(
        "latest-cancelled-ko",
        "ops.cancellation_rate",
        "가장 최근 달인 {month}의 결항률은 **{value:.1%}**예요.\n\n"
        "아래 근거에 쿼리가 있고, 한 번 눌러 다시 계산해 볼 수 있어요.",
        "월별 결항률",
    ),
)


def register() -> None:
    """Let the clock look for numbers, in the demonstration only."""
    if settings.MODE is Mode.DEMO:
        clock_steps.register(answer_when_computed)


def answer_when_computed() -> int:
    """Publish what waits and can be answered now; return how many. Safe under several clocks."""
    if time.monotonic() - _last[0] < _EVERY_S:
        return 0
    _last[0] = time.monotonic()
    return sum(_answer(waiting) for waiting in WAITING)


@transaction.atomic
def _answer(waiting: Waiting) -> bool:
    question = (
        DataRequest.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("requester", "assignee")
        .filter(form_token=f"{MARK}{waiting.key}", state=State.IN_PROGRESS)
        .first()
    )
    if question is None or question.assignee is None or question.answers.exists():
        return False
    points = MetricPoint.objects.filter(metric__asset__key=waiting.metric, grain="month", value__isnull=False)
    newest = points.select_related("evidence").order_by("-starts_on").first()
    if newest is None:
        return False
    user, by = question.assignee, Actor.person(question.assignee)
    body = waiting.body.format(month=f"{newest.starts_on:%Y-%m}", value=newest.value)
    draft = answers.save_draft_answer(question=question, body=body, user=user, by=by)
    keep_series(evidence=newest.evidence)
    cite(evidence=newest.evidence, about=draft.reference, title=waiting.title, user=user, by=by)
    answers.publish_answer(question=question, user=user, by=by)
    return True
