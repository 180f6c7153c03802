"""The demonstration's job with partitions: a file of weather for each day, and a table of them."""

import csv
import shutil
from collections import defaultdict
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from jobs.actions import backfills
from jobs.actions.jobs import JobDefinition
from jobs.choices import PartitionUnit
from jobs.models import Job
from jobs.pipelines.load_flights import package_folder
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.demo.people import DOMAIN
from portal.warehouse.errors import MissingInput

FOLDER: Final = "demo/weather"
TABLE: Final = "ref.daily_weather"
# What is loaded by itself; the days until the last one are left for whoever tries a backfill.
FIRST: Final = date(2013, 1, 1)
LAST_LOADED: Final = date(2013, 1, 7)
LAST: Final = date(2013, 3, 31)
_SOURCE: Final = ("origin", "hour", "temp", "wind_speed", "precip")
_COLUMNS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "day",
        "type": "DATE",
        "description_en": "Day of the observation, by the airport's clock.",
        "description_ko": "관측한 날짜(공항 현지 시각 기준).",
    },
    {
        "name": "airport",
        "type": "VARCHAR",
        "personal": False,
        "description_en": "Code of the airport.",
        "description_ko": "공항 코드.",
    },
    {
        "name": "hour",
        "type": "INTEGER",
        "description_en": "Hour of the observation, 0 to 23.",
        "description_ko": "관측한 시각(0–23시).",
    },
    {
        "name": "temperature",
        "type": "DOUBLE",
        "description_en": "Temperature in degrees Fahrenheit.",
        "description_ko": "기온(화씨).",
    },
    {
        "name": "wind_speed",
        "type": "DOUBLE",
        "description_en": "Wind speed in miles an hour.",
        "description_ko": "풍속(시속 마일).",
    },
    {
        "name": "rain",
        "type": "DOUBLE",
        "description_en": "Rain and snow in inches.",
        "description_ko": "강수량(인치).",
    },
)

WEATHER_JOB: Final = JobDefinition(
    key="load-daily-weather",
    name_en="Load daily weather",
    name_ko="일별 날씨 적재",
    description_en=(
        "Reads one day's weather of New York's airports and replaces that day's rows. The files reach to the "
        "end of March 2013: a backfill loads the days that are missing."
    ),
    description_ko=(
        "뉴욕 공항들의 하루치 날씨를 읽어 그날의 행을 바꿔요. 파일은 2013년 3월 말까지 있으니, "
        "빠진 날은 백필로 적재할 수 있어요."
    ),
    kind="extract_load",
    config={
        "source": {"path": FOLDER + "/{partition}.csv"},
        "target": TABLE,
        "mode": "partition",
        "partition_column": "day",
        "partition_parameter": "day",
        "columns": list(_COLUMNS),
        "checks": [
            {"check": "unique", "columns": ["day", "airport", "hour"]},
            {"check": "range", "columns": ["hour"], "minimum": 0, "maximum": 23},
        ],
        "dataset": {
            "name_en": "Daily weather",
            "name_ko": "일별 날씨",
            "description_en": "Weather of New York's airports, loaded by day. One row an airport and hour.",
            "description_ko": "뉴욕 공항들의 날씨. 하루씩 적재해요. 한 줄이 공항 하나의 한 시간이에요.",
            "tags": ["weather"],
        },
    },
    parameters_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "day": {
                "type": "string",
                "format": "date",
                "title": "Day",
                "title_ko": "날짜",
                "description": "The day to load, from 2013-01-01 to 2013-03-31.",
                "description_ko": "적재할 날짜. 2013-01-01부터 2013-03-31까지 있어요.",
            }
        },
        "required": ["day"],
    },
    owner_email=f"dan@{DOMAIN}",
    team_key="data",
    timeout=600,
)


def write_weather() -> None:
    """Write a file for each day, unless they are there; nothing without the package that has the weather."""
    folder = Path(settings.SOURCE_FOLDER) / FOLDER
    if folder.exists():
        return
    with suppress(MissingInput):
        days = _days(package_folder() / "weather.csv")
        folder.mkdir(parents=True)
        for day, rows in days.items():
            with (folder / f"{day}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([column["name"] for column in _COLUMNS])
                writer.writerows([day, *row] for row in rows)


def remove_weather() -> None:
    """Remove these files again."""
    shutil.rmtree(Path(settings.SOURCE_FOLDER) / FOLDER, ignore_errors=True)


def start_first_backfill(engineer: User) -> None:
    """Load the first week, once."""
    backfills.start(
        job=Job.objects.get(key=WEATHER_JOB.key),
        wish=backfills.Wish(parameter="day", unit=PartitionUnit.DAY, first=FIRST, last=LAST_LOADED),
        once=f"demo:{WEATHER_JOB.key}",
        by=Actor.person(engineer),
        requested_by=engineer,
    )


def _days(path: Path) -> dict[date, list[list[str]]]:
    """Return the rows of each day in the order of the file."""
    days: dict[date, list[list[str]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            day = date(int(row["year"]), int(row["month"]), int(row["day"]))
            if day <= LAST:
                days[day].append([row[name] for name in _SOURCE])
    return days
