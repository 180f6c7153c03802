"""What the demonstration's report holds."""

from typing import Any, Final

from portal.demo.people import DOMAIN

_MONTHS: Final = """SELECT
  month,
  count(*) AS flights,
  count(*) FILTER (WHERE dep_time IS NULL) AS cancelled,
  round(avg(arr_delay), 1) AS arrival_delay
FROM ops.flights
GROUP BY month
ORDER BY month"""

_CARRIERS: Final = """SELECT
  a.name AS airline,
  count(*) AS flights,
  count(*) FILTER (WHERE f.arr_delay < $minutes) / count(f.arr_delay) AS on_time
FROM ops.flights AS f
JOIN ops.airlines AS a ON a.carrier = f.carrier
GROUP BY a.name
ORDER BY flights DESC, airline"""

_AIRPORTS: Final = """SELECT
  make_date(2013, month::INT, 1) AS month,
  origin,
  avg(dep_delay) AS departure_delay
FROM ops.flights
WHERE dep_delay IS NOT NULL
GROUP BY ALL
ORDER BY month, origin"""

# What counts as late, for all its queries.
FLIGHTS_PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "x-order": ["minutes"],
    "properties": {
        "minutes": {
            "type": "integer",
            "title": "Late from so many minutes on",
            "title_ko": "지연으로 보는 시간(분)",
            "minimum": 1,
            "maximum": 240,
            "default": 15,
        }
    },
}

FLIGHTS_REPORT: Final[dict[str, Any]] = {
    "title_en": "Flights, month by month",
    "title_ko": "월별 운항 현황",
    "people": [f"ada@{DOMAIN}"],
    "sections": [
        {
            "kind": "text",
            "title_en": "What this shows",
            "title_ko": "이 보고서는",
            "text_en": (
                "All flights that left **New York** (EWR, JFK, LGA) in 2013. The on-time rate counts "
                "what arrived less than 15 minutes late; cancelled flights count for neither side. The table "
                "of airlines calls a flight late from as many minutes on as each edition says.\n\n"
                "Each figure below carries its query and can be verified by one click."
            ),
            "text_ko": (
                "2013년 **뉴욕**(EWR, JFK, LGA)에서 출발한 모든 항공편이에요. 정시율은 도착이 15분 "
                "미만으로 늦은 항공편을 세고, 결항한 항공편은 계산에 넣지 않아요. 항공사 표에서 몇 "
                "분부터 지연으로 보는지는 호마다 적혀 있어요.\n\n"
                "아래 값마다 쿼리가 있고, 한 번 눌러 검증할 수 있어요."
            ),
        },
        {"kind": "metric", "metric": "ops.on_time_rate", "grain": "month", "periods": 12},
        {"kind": "metric", "metric": "ops.cancellation_rate", "grain": "month", "periods": 12},
        {
            "kind": "query",
            "title_en": "Flights and delays by month",
            "title_ko": "월별 운항 편수와 지연",
            "sql": _MONTHS,
            "chart": {"kind": "bar", "x": "month", "y": ["flights"]},
            "columns": [
                {"name": "month", "title_en": "Month", "title_ko": "월", "format": "plain"},
                {"name": "flights", "title_en": "Flights", "title_ko": "운항 편수", "format": "whole"},
                {"name": "cancelled", "title_en": "Cancelled", "title_ko": "결항", "format": "whole"},
                {"name": "arrival_delay", "title_en": "Delay (min)", "title_ko": "지연(분)"},
            ],
        },
        {
            "kind": "query",
            "title_en": "Departure delay by airport",
            "title_ko": "공항별 출발 지연",
            "sql": _AIRPORTS,
            "chart": {"kind": "line", "x": "month", "y": ["departure_delay"], "series": "origin"},
            "no_table": True,
        },
        {
            "kind": "query",
            "title_en": "Airlines by flights",
            "title_ko": "항공사별 운항 편수",
            "sql": _CARRIERS,
            "columns": [
                {"name": "airline", "title_en": "Airline", "title_ko": "항공사"},
                {"name": "flights", "title_en": "Flights", "title_ko": "운항 편수", "format": "whole"},
                {"name": "on_time", "title_en": "On time", "title_ko": "정시", "format": "percent"},
            ],
        },
    ],
}
