"""The demonstration's jobs: load the flights each morning, check them, then make what follows from them."""

import csv
from pathlib import Path

import holidays
from django.conf import settings

from jobs.actions.jobs import JobDefinition, ScheduleDefinition
from portal.demo.people import DOMAIN
from portal.demo.report import FLIGHTS_PARAMETERS, FLIGHTS_REPORT
from portal.demo.weather import TABLE, WEATHER_JOB, remove_weather, write_weather

HOLIDAYS_FILE = "demo/holidays-2013.csv"
_LATE = """
SELECT
  airlines.name AS airline,
  date_trunc('month', flights.flight_date)::DATE AS month,
  count(*) AS flights,
  avg((flights.arr_delay >= 15)::INT) AS late_share
FROM ops.flights
JOIN ops.airlines ON airlines.carrier = flights.carrier
WHERE flights.arr_delay IS NOT NULL
GROUP BY ALL
"""

JOBS = (
    JobDefinition(
        key="load-flights",
        name_en="Load flights",
        name_ko="항공편 적재",
        description_en=(
            "Reads the 336,776 flights of New York in 2013, with airlines, airports, planes and weather, "
            "checks every table and publishes all five at once."
        ),
        description_ko=(
            "2013년 뉴욕에서 출발한 항공편 336,776편과 항공사, 공항, 비행기, 날씨를 읽고, "
            "표마다 점검한 뒤 다섯 표를 한 번에 게시해요."
        ),
        kind="python",
        config={
            "pipeline": "load-flights",
            "settings": {"owner_email": f"dan@{DOMAIN}", "team_key": "data"},
        },
        owner_email=f"dan@{DOMAIN}",
        team_key="data",
        timeout=600,
        schedules=(ScheduleDefinition(cron="10 6 * * *", zone="Asia/Seoul"),),
    ),
    JobDefinition(
        key="refresh-flight-metrics",
        name_en="Refresh flight metrics",
        name_ko="운항 지표 새로 고침",
        description_en="Computes every metric of the flights by day, week and month, and draws the charts.",
        description_ko="항공편에서 나오는 지표를 일, 주, 월 단위로 계산하고 그래프를 그려요.",
        kind="metric_refresh",
        config={"dataset": "ops.flights"},
        owner_email=f"ben@{DOMAIN}",
        team_key="data",
        timeout=600,
        after=("load-flights",),
    ),
    JobDefinition(
        key="flights-month-by-month",
        name_en="Flights, month by month",
        name_ko="월별 운항 현황",
        description_en="How punctual the flights of New York were, who flew them, and what was cancelled.",
        description_ko="뉴욕 출발 항공편의 정시 운항, 항공사별 운항 편수, 결항을 정리해요.",
        kind="report",
        config=FLIGHTS_REPORT,
        parameters_schema=FLIGHTS_PARAMETERS,
        owner_email=f"ben@{DOMAIN}",
        team_key="data",
        timeout=300,
        after=("refresh-flight-metrics",),
    ),
    JobDefinition(
        key="check-flights",
        name_en="Check flights",
        name_ko="항공편 점검",
        description_en="Checks the flights as they stand in the lake; the dataset shows how they went.",
        description_ko="레이크에 있는 항공편을 점검해요. 결과는 데이터셋에서 볼 수 있어요.",
        kind="quality_check",
        config={
            "dataset": "ops.flights",
            "checks": [
                {"check": "range", "columns": ["air_time"], "minimum": 15, "maximum": 720},
                {"check": "expression", "expression": "dep_time IS NOT NULL OR arr_time IS NULL"},
                {"check": "not_null", "columns": ["tailnum"], "severity": "warn"},
            ],
        },
        owner_email=f"dan@{DOMAIN}",
        team_key="data",
        timeout=600,
        after=("load-flights",),
    ),
    JobDefinition(
        key="late-flights-by-airline",
        name_en="Late flights by airline",
        name_ko="항공사별 지연 항공편",
        description_en="Makes a table of how often each airline was late, month by month.",
        description_ko="항공사가 달마다 얼마나 자주 늦었는지 표로 만들어요.",
        kind="sql_model",
        config={
            "target": "marts.late_flights_by_airline",
            "sql": _LATE,
            "checks": [
                {"check": "unique", "columns": ["airline", "month"]},
                {"check": "range", "columns": ["late_share"], "minimum": 0, "maximum": 1},
            ],
            "columns": [
                {
                    "name": "airline",
                    "personal": False,
                    "description_en": "Full name of the airline.",
                    "description_ko": "항공사의 정식 이름.",
                },
                {
                    "name": "month",
                    "description_en": "Month of the planned departure (its first day).",
                    "description_ko": "예정 출발 월(그 달의 첫날).",
                },
                {
                    "name": "flights",
                    "description_en": "Flights that arrived.",
                    "description_ko": "도착한 항공편 수.",
                },
                {
                    "name": "late_share",
                    "description_en": "Share of them that arrived 15 minutes late or more.",
                    "description_ko": "그중 15분 이상 늦게 도착한 비율.",
                },
            ],
            "dataset": {
                "name_en": "Late flights by airline",
                "name_ko": "항공사별 지연 항공편",
                "description_en": "How often each airline was late. One row an airline and month.",
                "description_ko": "항공사가 얼마나 자주 늦었는지. 한 줄이 항공사 하나의 한 달이에요.",
                "tags": ["flights"],
                "fresh_within_hours": 26,
            },
        },
        owner_email=f"dan@{DOMAIN}",
        team_key="data",
        timeout=600,
        after=("load-flights",),
    ),
    JobDefinition(
        key="load-holidays",
        name_en="Load holidays",
        name_ko="공휴일 적재",
        description_en="Reads a CSV of the public holidays of 2013 in New York into the lake.",
        description_ko="2013년 뉴욕 공휴일 CSV를 레이크로 읽어 들여요.",
        kind="extract_load",
        config={
            "source": {"path": HOLIDAYS_FILE},
            "target": "ref.holidays",
            "columns": [
                {
                    "name": "day",
                    "type": "DATE",
                    "description_en": "Day of the holiday.",
                    "description_ko": "공휴일 날짜.",
                },
                {
                    "name": "holiday",
                    "type": "VARCHAR",
                    "personal": False,
                    "description_en": "Name of the holiday.",
                    "description_ko": "공휴일 이름.",
                },
            ],
            "checks": [
                {"check": "unique", "columns": ["day"]},
                {"check": "not_null", "columns": ["holiday"]},
                {"check": "row_count", "minimum": 5},
            ],
            "dataset": {
                "name_en": "Holidays",
                "name_ko": "공휴일",
                "description_en": "Public holidays in New York in 2013. One row a day.",
                "description_ko": "2013년 뉴욕의 공휴일. 한 줄이 하루예요.",
                "tags": ["reference"],
            },
        },
        owner_email=f"dan@{DOMAIN}",
        team_key="data",
        timeout=600,
    ),
    WEATHER_JOB,
)
# The tables that these make besides the flights.
MADE = ("marts.late_flights_by_airline", "ref.holidays", TABLE)


def write_files() -> None:
    """Write the files that jobs of the demonstration read, unless they are there."""
    write_weather()
    path = Path(settings.SOURCE_FOLDER) / HOLIDAYS_FILE
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["day", "holiday"])
        writer.writerows(sorted(holidays.country_holidays("US", subdiv="NY", years=2013).items()))


def remove_files() -> None:
    """Remove those files again."""
    remove_weather()
    path = Path(settings.SOURCE_FOLDER) / HOLIDAYS_FILE
    path.unlink(missing_ok=True)
