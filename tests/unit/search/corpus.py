"""A small airline's catalog, in both languages, for judging the search."""

from tests.factories import catalog

DATASETS = (
    (
        "flights",
        "Flights",
        "항공편",
        "Departures from New York's three airports in 2013, one row for each flight.",
        "2013년 뉴욕 공항 세 곳에서 출발한 항공편이에요. 한 편이 한 줄이에요.",
        ("operations", "daily"),
        ("departures", "운항 기록"),
        (
            ("time_hour", "Scheduled hour of departure, UTC", "예정 출발 시각(UTC)"),
            ("carrier", "Two-letter code, see airlines", "항공사 두 글자 코드"),
            ("flight", "Flight number", "편명"),
            ("tailnum", "Registration of the aircraft", "기체 등록 번호"),
            ("origin", "EWR, JFK or LGA", "출발 공항"),
            ("dest", "Airport code of arrival", "도착 공항 코드"),
            ("sched_dep_time", "Plan, hour and minute, local time", "예정 출발 시각(현지)"),
            ("dep_delay", "Minutes late at departure; below 0 is early", "출발 지연(분)"),
            ("arr_delay", "Minutes late at arrival; empty when cancelled", "도착 지연(분)"),
            ("air_time", "Wheels up to wheels down", "비행 시간(분)"),
            ("distance", "Miles between the two airports", "거리(마일)"),
        ),
    ),
    (
        "airlines",
        "Airlines",
        "항공사",
        "Names of the carriers by their two-letter codes.",
        "항공사 코드와 이름이에요.",
        ("reference",),
        ("carriers",),
        (("carrier", "Two-letter code", "항공사 코드"), ("name", "Full name of the carrier", "항공사 이름")),
    ),
    (
        "airports",
        "Airports",
        "공항",
        "Where the airports lie.",
        "공항의 이름과 위치예요.",
        ("reference",),
        (),
        (
            ("faa", "FAA airport code", "공항 코드"),
            ("name", "Usual name", "공항 이름"),
            ("lat", "Latitude", "위도"),
            ("lon", "Longitude", "경도"),
            ("alt", "Altitude, in feet", "고도(피트)"),
        ),
    ),
    (
        "planes",
        "Planes",
        "비행기",
        "Aircraft by tail number, from the FAA registry.",
        "기체 등록부에 있는 비행기예요.",
        ("reference",),
        ("aircraft", "기체"),
        (
            ("tailnum", "Tail number", "등록 번호"),
            ("year", "Year manufactured", "제조 연도"),
            ("manufacturer", "Manufacturer", "제조사"),
            ("model", "Model", "모델"),
            ("seats", "Number of seats", "좌석 수"),
        ),
    ),
    (
        "weather",
        "Weather",
        "날씨",
        "Hourly weather at EWR, JFK and LGA.",
        "EWR, JFK, LGA의 시간별 날씨예요.",
        ("reference", "hourly"),
        ("기상",),
        (
            ("origin", "Weather station", "관측소"),
            ("temp", "Temperature in F", "기온"),
            ("wind_speed", "Wind speed in mph", "풍속"),
            ("precip", "Precipitation in inches", "강수량"),
            ("visib", "Visibility in miles", "시정"),
        ),
    ),
    (
        "passengers",
        "Passengers",
        "승객 명단",
        "Who was on which flight; personal data.",
        "누가 어느 항공편을 탔는지 담았어요. 개인정보예요.",
        ("personal",),
        (),
        (("full_name", "Name", "이름"), ("birth_date", "Date of birth", "생년월일")),
    ),
)
METRICS = (
    (
        "on_time_rate",
        "On-time rate",
        "정시율",
        "Share of arrived flights that were less than 15 minutes late.",
        "예정보다 15분 미만 늦게 도착한 항공편의 비율이에요.",
        ("operations",),
        ("punctuality", "OTP", "제시간 도착률"),
    ),
    (
        "cancellation_rate",
        "Cancellation rate",
        "결항률",
        "Share of planned flights that did not take off.",
        "계획한 항공편 가운데 뜨지 못한 비율이에요.",
        ("operations",),
        ("cancelled flights",),
    ),
    (
        "average_arrival_delay",
        "Average arrival delay",
        "평균 도착 지연",
        "Minutes that an arrived flight was late, on average, by carrier.",
        "도착한 항공편이 평균 몇 분 늦었는지 항공사별로 봐요.",
        ("operations",),
        ("mean delay",),
    ),
    (
        "flight_count",
        "Number of flights",
        "운항 편수",
        "How many flights left.",
        "출발한 항공편의 수예요.",
        ("operations",),
        ("항공편 수", "flight count"),
    ),
)


def load():
    """Put the corpus into the database."""
    for key, name_en, name_ko, description_en, description_ko, tags, synonyms, columns in DATASETS:
        catalog.dataset(
            key,
            name_en=name_en,
            name_ko=name_ko,
            description_en=description_en,
            description_ko=description_ko,
            tags=list(tags),
            synonyms=list(synonyms),
            columns=[
                {"name": name, "description_en": english, "description_ko": korean}
                for name, english, korean in columns
            ],
        )
    for key, name_en, name_ko, description_en, description_ko, labels, others in METRICS:
        catalog.metric(
            key,
            name_en=name_en,
            name_ko=name_ko,
            description_en=description_en,
            description_ko=description_ko,
            tags=list(labels),
            synonyms=list(others),
        )
