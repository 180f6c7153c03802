"""The demonstration's metrics over the flights: definitions, names and playbooks, nothing else."""

import datetime as dt
from dataclasses import dataclass

from catalog.actions.metrics import define
from catalog.definitions import (
    Accessible,
    Actionable,
    Aggregation,
    Annotation,
    Auditable,
    Computation,
    Direction,
    Filter,
    Measure,
    MetricDefinition,
    Operator,
    Ratio,
    Simple,
    Target,
    Threshold,
    Unit,
)
from catalog.models import MetricVersion
from portal.accounts.models import Team, User
from portal.audit.actions import Actor
from portal.demo.people import DOMAIN

DATASET = "ops.flights"
_BEGIN = dt.date(2013, 1, 1)
_STORM = Annotation(
    starts_on=dt.date(2013, 2, 8),
    ends_on=dt.date(2013, 2, 9),
    label_en="Storm of 8–9 February · 865 cancelled",
    label_ko="2월 8–9일 눈보라 · 결항 865편",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoMetric:
    """A metric of the demonstration: who it belongs to, and its definition."""

    key: str
    name_en: str
    name_ko: str
    description_en: str
    description_ko: str
    owner: str
    tags: tuple[str, ...]
    synonyms: tuple[str, ...]
    definition: MetricDefinition


def _definition(
    computation: Computation,
    *,
    unit: Unit,
    direction: Direction,
    actionable: Actionable,
    purpose: tuple[str, str],
    additive: bool = False,
    chart: Accessible | None = None,
) -> MetricDefinition:
    return MetricDefinition(
        dataset=DATASET,
        time_column="flight_date",
        time_zone="America/New_York",
        purpose_en=purpose[0],
        purpose_ko=purpose[1],
        computation=computation,
        additivity="additive" if additive else "non_additive",
        unit=unit,
        direction=direction,
        accessible=chart or Accessible(),
        actionable=actionable,
        auditable=Auditable(reviewer=f"cleo@{DOMAIN}"),
        annotations=(_STORM,),
    )


_PERCENT = Unit(kind="percent", decimals=1)
_MINUTES = Unit(kind="minutes", label_en="minutes", label_ko="분", decimals=1)
_FLIGHTS = Unit(kind="number", label_en="flights", label_ko="편", decimals=0)
_ALL = Measure(aggregation=Aggregation.COUNT)
_ARRIVED = Measure(aggregation=Aggregation.COUNT, column="arr_delay")
_DEPARTED = Measure(aggregation=Aggregation.COUNT, column="dep_delay")


def _counted(column: str, operator: Operator, value: int | None = None) -> Measure:
    return Measure(
        aggregation=Aggregation.COUNT,
        filters=(Filter(column=column, operator=operator, value=value),),
    )


METRICS = (
    DemoMetric(
        key="ops.on_time_rate",
        name_en="On-time rate",
        name_ko="정시율",
        description_en="Share of arrived flights less than 15 minutes late; cancelled flights do not count.",
        description_ko="예정보다 15분 미만 늦게 도착한 항공편의 비율. 도착한 항공편만 세요.",
        owner="ben",
        tags=("flights", "operations", "key-metric"),
        synonyms=("OTP", "punctuality", "정시 도착률", "정시성"),
        definition=_definition(
            Ratio(numerator=_counted("arr_delay", Operator.LT, 15), denominator=_ARRIVED),
            unit=_PERCENT,
            direction=Direction.UP,
            purpose=(
                "Tells passengers and route planning whether the schedule can be trusted.",
                "승객과 노선 담당자가 시간표를 믿어도 되는지 알려 줘요.",
            ),
            actionable=Actionable(
                backup=f"eun@{DOMAIN}",
                targets=(Target(since=_BEGIN, value=0.80),),
                thresholds=(
                    Threshold(level="warn", operator="<", value=0.70, consecutive=2, least_sample=100),
                    Threshold(level="critical", operator="<", value=0.50, consecutive=2, least_sample=100),
                ),
                playbook_en=(
                    "1. Look at the weather of the day: snow and storms explain most bad days.\n"
                    "2. Compare the three airports; one alone points to its runways or traffic control.\n"
                    "3. Compare the airlines; one alone points to its crews or planes.\n"
                    "4. Tell route planning what you found, and note it here."
                ),
                playbook_ko=(
                    "1. 그날의 날씨를 봐요. 나쁜 날은 대부분 눈과 폭풍으로 설명돼요.\n"
                    "2. 세 공항을 견줘 봐요. 한 곳만 나쁘면 활주로나 관제 문제예요.\n"
                    "3. 항공사를 견줘 봐요. 한 곳만 나쁘면 승무원이나 비행기 문제예요.\n"
                    "4. 알아낸 것을 노선 담당자에게 알리고 여기에 적어요."
                ),
                question_template="Why did the on-time rate fall below 70 %?",
            ),
        ),
    ),
    DemoMetric(
        key="ops.cancellation_rate",
        name_en="Cancellation rate",
        name_ko="결항률",
        description_en="Share of planned flights that never departed.",
        description_ko="예정된 항공편 가운데 출발하지 못한 항공편의 비율.",
        owner="ben",
        tags=("flights", "operations", "key-metric"),
        synonyms=("cancelled flights", "결항", "취소율"),
        definition=_definition(
            Ratio(numerator=_counted("dep_time", Operator.IS_NULL), denominator=_ALL),
            unit=_PERCENT,
            direction=Direction.DOWN,
            purpose=(
                "Shows how many passengers have to be rebooked, and what compensation will cost.",
                "다시 예약해야 하는 승객과 보상 비용이 얼마나 될지 보여 줘요.",
            ),
            actionable=Actionable(
                backup=f"eun@{DOMAIN}",
                targets=(Target(since=_BEGIN, value=0.025),),
                thresholds=(
                    Threshold(level="warn", operator=">", value=0.05, consecutive=2, least_sample=100),
                    Threshold(level="critical", operator=">", value=0.20, least_sample=100),
                ),
                playbook_en=(
                    "1. Check the weather of the day and the day before.\n"
                    "2. Ask operations how many passengers wait to be rebooked.\n"
                    "3. Tell Finance the number of cancelled flights for the month's provision."
                ),
                playbook_ko=(
                    "1. 그날과 전날의 날씨를 확인해요.\n"
                    "2. 다시 예약을 기다리는 승객 수를 운항팀에 물어봐요.\n"
                    "3. 월 충당금을 위해 결항 편수를 재무팀에 알려요."
                ),
                question_template="How many passengers does the rise in cancellations concern?",
            ),
        ),
    ),
    DemoMetric(
        key="ops.flights",
        name_en="Planned flights",
        name_ko="예정 항공편 수",
        description_en="Number of flights that were to leave New York.",
        description_ko="뉴욕에서 출발할 예정이던 항공편의 수.",
        owner="finn",
        tags=("flights", "volume"),
        synonyms=("departures", "traffic", "운항 편수"),
        definition=_definition(
            Simple(measure=_ALL),
            unit=_FLIGHTS,
            direction=Direction.UP,
            purpose=(
                "The volume behind every other number of the flights.",
                "운항의 다른 모든 숫자를 읽을 때 바탕이 되는 규모예요.",
            ),
            actionable=Actionable(backup=f"ben@{DOMAIN}"),
            additive=True,
        ),
    ),
    DemoMetric(
        key="ops.departure_delay",
        name_en="Average departure delay",
        name_ko="평균 출발 지연",
        description_en="Average minutes between planned and real departure; an early one counts as negative.",
        description_ko="예정 시각과 실제 출발 시각의 평균 차이(분). 일찍 출발하면 음수로 세요.",
        owner="ben",
        tags=("flights", "operations"),
        synonyms=("lateness", "지연 시간"),
        definition=_definition(
            Simple(measure=Measure(aggregation=Aggregation.AVERAGE, column="dep_delay")),
            unit=_MINUTES,
            direction=Direction.DOWN,
            purpose=(
                "Shows how long passengers wait at the gate.",
                "승객이 게이트에서 얼마나 기다리는지 보여 줘요.",
            ),
            actionable=Actionable(
                backup=f"eun@{DOMAIN}",
                targets=(Target(since=_BEGIN, value=10),),
                thresholds=(
                    Threshold(level="warn", operator=">", value=30, consecutive=2, least_sample=100),
                ),
                playbook_en=(
                    "1. See whether a few very late flights make the average: compare with long delays.\n"
                    "2. Look for the hour at which the delays begin; they add up through the day."
                ),
                playbook_ko=(
                    "1. 아주 늦은 몇 편이 평균을 끌어올렸는지 봐요. 긴 지연 비율과 견줘 보세요.\n"
                    "2. 지연이 시작된 시간대를 찾아요. 지연은 하루 동안 쌓여요."
                ),
            ),
        ),
    ),
    DemoMetric(
        key="ops.long_delay_rate",
        name_en="Long delays",
        name_ko="긴 지연 비율",
        description_en="Share of departed flights that left an hour or more late.",
        description_ko="출발한 항공편 가운데 한 시간 이상 늦게 떠난 항공편의 비율.",
        owner="ben",
        tags=("flights", "operations"),
        synonyms=("severe delay", "장시간 지연"),
        definition=_definition(
            Ratio(numerator=_counted("dep_delay", Operator.GE, 60), denominator=_DEPARTED),
            unit=_PERCENT,
            direction=Direction.DOWN,
            purpose=(
                "Counts the delays that passengers complain about and connections break on.",
                "승객 불만과 환승 실패로 이어지는 지연을 세요.",
            ),
            actionable=Actionable(
                backup=f"eun@{DOMAIN}",
                targets=(Target(since=_BEGIN, value=0.07),),
                thresholds=(
                    Threshold(level="warn", operator=">", value=0.20, consecutive=2, least_sample=100),
                ),
            ),
        ),
    ),
    DemoMetric(
        key="ops.routes_served",
        name_en="Destinations served",
        name_ko="취항지 수",
        description_en="Number of different airports that flights were planned to.",
        description_ko="항공편이 예정된 서로 다른 도착 공항의 수.",
        owner="finn",
        tags=("flights", "network"),
        synonyms=("network", "destinations", "노선 수"),
        definition=_definition(
            Simple(measure=Measure(aggregation=Aggregation.COUNT_DISTINCT, column="dest")),
            unit=Unit(kind="number", label_en="airports", label_ko="곳", decimals=0),
            direction=Direction.UP,
            purpose=("Shows how wide the network is.", "노선망이 얼마나 넓은지 보여 줘요."),
            actionable=Actionable(backup=f"ben@{DOMAIN}"),
        ),
    ),
)


def define_metrics(*, by: Actor) -> list[MetricVersion]:
    """Define every metric, or give it its next version where its definition here has changed."""
    people = {user.email: user for user in User.objects.filter(email__endswith=f"@{DOMAIN}")}
    team = Team.objects.filter(key="data").first()
    return [
        define(
            key=metric.key,
            name_en=metric.name_en,
            name_ko=metric.name_ko,
            description_en=metric.description_en,
            description_ko=metric.description_ko,
            definition=metric.definition,
            reason="Defined with the demonstration.",
            by=by,
            owner=people.get(f"{metric.owner}@{DOMAIN}"),
            team=team,
            tags=metric.tags,
            synonyms=metric.synonyms,
        )
        for metric in METRICS
    ]
