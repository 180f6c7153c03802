"""The demonstration's questions: one in every state.

They are made by the actions people use, at times in the past. No answer holds a number that nobody computed:
those that need one wait for it (``portal.demo.answers``), the others explain a definition.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from portal.accounts.models import Team, User
from portal.audit.actions import Actor
from portal.demo.staffing import load_staff, remove_staff
from portal.events import Reference
from portal.evidence.models import Citation
from requests_app import moment
from requests_app.actions import answers, asker, questions, triage, work
from requests_app.choices import Visibility
from requests_app.models import (
    Answer,
    DataRequest,
    DeflectionEvent,
    QuestionLink,
)

MARK: Final = "demo:"
FLIGHTS: Final[Reference] = ("dataset", "ops.flights")
ON_TIME: Final[Reference] = ("metric", "ops.on_time_rate")
CANCELLED: Final[Reference] = ("metric", "ops.cancellation_rate")
Step = Callable[["Scene"], object]


@dataclass(slots=True)
class Scene:
    """One question as it goes on: who stands around it, and the time of the next step."""

    people: dict[str, User]
    question: DataRequest
    known: dict[str, DataRequest]

    def by(self, who: str) -> dict[str, Any]:
        """Return the arguments of a step that this person takes."""
        user = self.people[who]
        return {"question": self.question, "user": user, "by": Actor.person(user)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoQuestion:
    """A question of the demonstration: asked so many days ago, then its steps, an hour and a half apart."""

    key: str
    asker: str
    title: str
    body: str
    days: float
    language: str = "en"
    kind: str = "number"
    urgency: int = 2
    team: str = ""
    visibility: str = Visibility.COMPANY
    decision: str = ""
    about: tuple[Reference, ...] = ()
    steps: tuple[Step, ...] = field(default=())


def _accept(impact: int = 2, urgency: int = 2, kind: str = "number", effort: int = 1) -> Step:
    return lambda scene: triage.accept(
        **scene.by("cleo"), kind=kind, impact=impact, urgency=urgency, effort=effort
    )


def _take(who: str) -> Step:
    return lambda scene: work.take(**scene.by(who), override="")


def _publish(who: str, body: str) -> Step:
    return lambda scene: answers.publish_answer(**scene.by(who), body=body)


def _review(who: str, reviewer: str, body: str) -> Step:
    return lambda scene: answers.submit_for_review(
        **scene.by(who), reviewer=scene.people[reviewer], body=body
    )


QUESTIONS: Final = (
    DemoQuestion(
        key="on-time",
        asker="finn",
        days=40,
        kind="definition",
        title="What exactly counts as an on-time arrival?",
        body="The airline's figure and ours differ. Which one do I quote in the monthly report?",
        decision="Which definition the monthly report uses",
        about=(ON_TIME,),
        steps=(
            _accept(3, 2, "definition"),
            _take("ben"),
            _review(
                "ben",
                "eun",
                "An arrival is **on time** when it is less than 15 minutes late. Cancelled flights are left "
                "out: they never arrive. The airline counts departures, so the two cannot agree.\n\n"
                "Quote the metric *On-time rate*; its page shows the definition and every version of it.",
            ),
            lambda scene: answers.publish_answer(**scene.by("eun")),
            lambda scene: asker.accept_answer(
                **scene.by("finn"),
                outcome="changed",
                decision="The report quotes the metric and links to its definition.",
                value_kind="time",
                value_low=Decimal(4),
                confidence="guess",
                helpful=5,
            ),
        ),
    ),
    DemoQuestion(
        key="cancelled-ko",
        asker="ada",
        team="marketing",
        language="ko",
        days=21,
        kind="definition",
        title="결항률에 공항 사정으로 취소된 항공편도 들어가나요?",
        body="캠페인 안내문에 결항률을 쓰려고 해요. 날씨 때문에 취소된 편이 포함되는지 알고 싶어요.",
        decision="안내문에 결항률을 쓸지 여부",
        about=(CANCELLED,),
        steps=(
            _accept(2, 2, "definition"),
            _take("eun"),
            _review(
                "eun",
                "ben",
                "네, **이유와 상관없이** 출발하지 못한 항공편이 모두 들어가요. 원본 데이터에 취소 사유가 "
                "없어서 날씨만 따로 뺄 수 없어요.\n\n안내문에는 지표 페이지의 정의를 함께 적어 주세요.",
            ),
            lambda scene: answers.publish_answer(**scene.by("ben")),
            lambda scene: asker.accept_answer(**scene.by("ada"), outcome="confirmed", helpful=5),
        ),
    ),
    DemoQuestion(
        key="latest-on-time",
        asker="ada",
        team="marketing",
        days=3,
        urgency=3,
        title="How punctual were our flights in the latest month?",
        body="The newsletter goes out on Thursday and wants one number with its source.",
        decision="Whether the newsletter leads with punctuality",
        about=(ON_TIME,),
        steps=(_accept(2, 3), _take("ben")),
    ),
    DemoQuestion(
        key="latest-cancelled-ko",
        asker="finn",
        language="ko",
        days=4,
        title="가장 최근 달의 결항률은 얼마인가요?",
        body="환불 충당금을 정하는 데 필요해요. 근거가 되는 SQL도 함께 볼 수 있으면 좋겠어요.",
        decision="이번 분기 환불 충당금",
        about=(CANCELLED,),
        steps=(_accept(3, 2), _take("eun")),
    ),
    DemoQuestion(
        key="boston",
        asker="ada",
        team="marketing",
        days=0.1,
        urgency=3,
        title="How many flights to Boston were late in June?",
        body="We choose between two hotels and need to know how often people arrive at night.",
        decision="Which hotel we book for July",
        about=(FLIGHTS,),
    ),
    DemoQuestion(
        key="weekend-ko",
        asker="ada",
        team="marketing",
        language="ko",
        days=0.3,
        title="주말 항공편은 평일보다 더 자주 늦나요?",
        body="주말 여행 캠페인 문구를 정하려고 해요.",
        decision="캠페인 문구",
        about=(FLIGHTS,),
    ),
    DemoQuestion(
        key="which-airport",
        asker="finn",
        days=2,
        title="How many flights did the airport handle last year?",
        body="For the fee negotiation.",
        decision="Our offer in the fee negotiation",
        about=(FLIGHTS,),
        steps=(
            lambda scene: triage.ask_back(
                **scene.by("cleo"), note="Which of the three airports, and do you count cancelled flights?"
            ),
        ),
    ),
    DemoQuestion(
        key="carriers",
        asker="finn",
        days=3,
        kind="report",
        title="A monthly table of delays by carrier",
        body="One line a carrier, as a file that I can put into our workbook.",
        decision="Which carriers we talk to about compensation",
        about=(FLIGHTS,),
        steps=(_accept(2, 2, "report", 3),),
    ),
    DemoQuestion(
        key="storm",
        asker="ada",
        team="marketing",
        days=6,
        kind="investigation",
        title="Did the February storm hit one airport harder than the others?",
        body="A passenger story depends on it.",
        decision="Whether we publish the story",
        about=(CANCELLED, FLIGHTS),
        steps=(
            _accept(2, 2, "investigation", 3),
            _take("eun"),
            _review(
                "eun",
                "ben",
                "Draft: compare cancellations of 8 and 9 February by airport with the two weeks before. "
                "The query is ready; the figures follow with their evidence.",
            ),
        ),
    ),
    DemoQuestion(
        key="weather",
        asker="finn",
        days=5,
        title="Does wind explain delays at Newark?",
        body="The airport blames the wind. I would like to check before the meeting.",
        decision="What we ask of the airport",
        about=(("dataset", "ops.weather"),),
        steps=(
            _accept(1, 2, "investigation", 5),
            _take("ben"),
            lambda scene: work.block(
                **scene.by("ben"),
                reason="dataset",
                note="The weather of the last days has not been published.",
                blocker=("dataset", "ops.weather"),
            ),
        ),
    ),
    DemoQuestion(
        key="on-time-again",
        asker="ada",
        team="marketing",
        days=8,
        kind="definition",
        title="When is an arrival on time?",
        body="I find two definitions.",
        about=(ON_TIME,),
        steps=(
            lambda scene: triage.mark_duplicate(
                **scene.by("cleo"), canonical=scene.known["on-time"], note="Finn asked this last month."
            ),
        ),
    ),
    DemoQuestion(
        key="passengers",
        asker="finn",
        days=12,
        title="How old are the passengers of our late flights?",
        body="For a comparison by age.",
        steps=(
            lambda scene: triage.decline(
                **scene.by("cleo"),
                reason="no_data",
                note="The flights know nothing of passengers. Ask again if you have another source.",
            ),
        ),
    ),
    DemoQuestion(
        key="cancelled-explained",
        asker="ada",
        team="marketing",
        days=1.5,
        kind="definition",
        title="What does «diverted» mean in our flight data?",
        body="It is not in the glossary.",
        decision="How we word a footnote",
        about=(FLIGHTS,),
        steps=(
            _accept(1, 1, "definition"),
            _take("ben"),
            _publish(
                "ben",
                "The flights table has **no column for diversions**. A flight with a departure and without "
                "an arrival time was either diverted or its arrival is missing; the data cannot tell which.",
            ),
        ),
    ),
    DemoQuestion(
        key="budget",
        asker="finn",
        days=1,
        visibility=Visibility.PRIVATE,
        title="Which routes would we drop first?",
        body="Not to be talked about before the board has met.",
        decision="The plan for next year",
        about=(FLIGHTS,),
    ),
    DemoQuestion(
        key="fares",
        asker="ada",
        team="marketing",
        days=9,
        title="Do we know the fares of each route?",
        body="It turned out that we do not need them.",
        steps=(lambda scene: asker.withdraw(**scene.by("ada"), note="The campaign was called off."),),
    ),
)


def load_questions(people: dict[str, User]) -> None:
    """Make the pools, hours, duty and questions that are missing."""
    load_staff(people)
    known = {
        (question.form_token or "").removeprefix(MARK): question
        for question in DataRequest.objects.filter(form_token__startswith=MARK)
    }
    now = timezone.now()
    for wanted in sorted(QUESTIONS, key=lambda each: -each.days):
        if wanted.key not in known:
            known[wanted.key] = _ask(wanted, people, known, now)


def remove_questions() -> None:
    """Delete what the demonstration's people asked and answered, and the staffing it made."""
    cast = User.objects.filter(email__endswith="@example.com")
    asked = DataRequest.objects.filter(requester__in=cast)
    asked.update(
        canonical=None,
        answer=None,
        state="new",
        resume_state="",
        block_reason="",
        decline_reason="",
        closed_at=None,
    )
    DeflectionEvent.objects.filter(question__in=asked).delete()
    answered = Answer.objects.filter(question__in=asked).values_list("pk", flat=True)
    Citation.objects.filter(about_kind="answer", about_key__in=[str(pk) for pk in answered]).delete()
    for question in asked:
        question.decisions.all().delete()
        question.answers.all().delete()
    QuestionLink.objects.filter(question__in=asked).delete()
    asked.delete()
    remove_staff()


def _ask(
    wanted: DemoQuestion, people: dict[str, User], known: dict[str, DataRequest], now: datetime
) -> DataRequest:
    when = now - timedelta(days=wanted.days)
    user = people[wanted.asker]
    with moment.at(when):
        question = questions.ask(
            title=wanted.title,
            body=wanted.body,
            kind=wanted.kind,
            urgency=wanted.urgency,
            decision_needed=wanted.decision,
            on_behalf=Team.objects.get(key=wanted.team) if wanted.team else None,
            visibility=wanted.visibility,
            links=wanted.about,
            language=wanted.language,
            token=f"{MARK}{wanted.key}",
            user=user,
            by=Actor.person(user),
        ).question
    scene = Scene(people, question, known)
    for number, step in enumerate(wanted.steps, start=1):
        with moment.at(min(now, when + timedelta(minutes=90 * number))):
            step(scene)
    return question
