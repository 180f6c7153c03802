"""The five tables of the flights data: what their columns are and mean, in both languages."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ColumnText:
    """A column: its DuckDB type and its meaning; ``made_by`` makes it where the file has no such column."""

    name: str
    type: str
    en: str
    ko: str
    personal: bool = False
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class TableText:
    """A table: the file it comes from, its names and its columns in the file's order."""

    name: str
    file: str
    name_en: str
    name_ko: str
    description_en: str
    description_ko: str
    tags: tuple[str, ...]
    synonyms: tuple[str, ...]
    columns: tuple[ColumnText, ...] = field(repr=False)

    @property
    def types(self) -> dict[str, str]:
        """The columns that the file has, with their types."""
        return {column.name: column.type for column in self.columns if not column.made_by}

    @property
    def derived(self) -> dict[str, tuple[str, str]]:
        """The columns that are made from others: (type, expression)."""
        return {column.name: (column.type, column.made_by) for column in self.columns if column.made_by}

    @property
    def personal(self) -> dict[str, bool]:
        """Of every column whether it identifies people."""
        return {column.name: column.personal for column in self.columns}


AIRLINES = TableText(
    name="airlines",
    file="airlines.csv",
    name_en="Airlines",
    name_ko="항공사",
    description_en="The airlines that fly from New York, by their two-letter code. One row an airline.",
    description_ko="뉴욕에서 출발하는 항공사와 두 글자 코드예요. 한 줄이 항공사 하나예요.",
    tags=("flights", "reference"),
    synonyms=("carriers", "운송사"),
    columns=(
        ColumnText(
            "carrier", "VARCHAR", "Two-letter code of the airline (IATA).", "항공사의 두 글자 코드(IATA)."
        ),
        ColumnText("name", "VARCHAR", "Full name of the airline.", "항공사의 정식 이름."),
    ),
)

AIRPORTS = TableText(
    name="airports",
    file="airports.csv",
    name_en="Airports",
    name_ko="공항",
    description_en="Airports of the United States with place, height and time zone. One row an airport.",
    description_ko="미국 공항의 위치, 고도, 시간대예요. 한 줄이 공항 하나예요.",
    tags=("flights", "reference"),
    synonyms=("destinations", "목적지"),
    columns=(
        ColumnText("faa", "VARCHAR", "Three-letter code of the airport (FAA).", "공항의 세 글자 코드(FAA)."),
        ColumnText("name", "VARCHAR", "Usual name of the airport.", "공항의 통용 이름."),
        ColumnText("lat", "DOUBLE", "Latitude in degrees, north is positive.", "위도(도). 북쪽이 양수."),
        ColumnText("lon", "DOUBLE", "Longitude in degrees, east is positive.", "경도(도). 동쪽이 양수."),
        ColumnText("alt", "INTEGER", "Height above the sea in feet.", "해발 고도(피트)."),
        ColumnText("tz", "TINYINT", "Hours from UTC in winter.", "겨울철 UTC와의 시차(시간)."),
        ColumnText(
            "dst",
            "VARCHAR",
            "Daylight saving: A as in the USA, N none, U unknown.",
            "서머타임: A 미국 방식, N 없음, U 알 수 없음.",
        ),
        ColumnText("tzone", "VARCHAR", "Time zone by its IANA name.", "시간대의 IANA 이름."),
    ),
)

PLANES = TableText(
    name="planes",
    file="planes.csv",
    name_en="Planes",
    name_ko="비행기",
    description_en=(
        "Planes in the FAA's register that flew from New York in 2013. One row a plane. "
        "A registration leads to its owner in the public register, so it is masked."
    ),
    description_ko=(
        "2013년에 뉴욕에서 출발한 비행기의 FAA 등록 정보예요. 한 줄이 비행기 한 대예요. "
        "등록 번호로 공개 등록부에서 소유자를 찾을 수 있어서 가려요."
    ),
    tags=("flights", "reference"),
    synonyms=("aircraft", "항공기"),
    columns=(
        ColumnText(
            "tailnum",
            "VARCHAR",
            "Registration on the tail; leads to the owner.",
            "꼬리에 적힌 등록 번호. 소유자로 이어짐.",
            personal=True,
        ),
        ColumnText("year", "SMALLINT", "Year in which it was built.", "만든 해."),
        ColumnText("type", "VARCHAR", "Kind of aircraft.", "항공기 종류."),
        ColumnText("manufacturer", "VARCHAR", "Who built it.", "제작사."),
        ColumnText("model", "VARCHAR", "Model by the manufacturer's name.", "제작사가 붙인 모델 이름."),
        ColumnText("engines", "TINYINT", "Number of engines.", "엔진 수."),
        ColumnText("seats", "SMALLINT", "Number of seats.", "좌석 수."),
        ColumnText(
            "speed",
            "SMALLINT",
            "Average cruising speed in miles an hour; rarely known.",
            "평균 순항 속도(마일/시). 거의 비어 있음.",
        ),
        ColumnText("engine", "VARCHAR", "Kind of engine.", "엔진 종류."),
    ),
)

WEATHER = TableText(
    name="weather",
    file="weather.csv",
    name_en="Weather",
    name_ko="날씨",
    description_en="Weather at the three airports, hour by hour through 2013. One row an airport and hour.",
    description_ko="2013년 한 해 뉴욕 세 공항의 시간별 날씨예요. 한 줄이 공항 하나의 한 시간이에요.",
    tags=("flights", "weather"),
    synonyms=("기상",),
    columns=(
        ColumnText(
            "origin",
            "VARCHAR",
            "Airport of the weather station: EWR, JFK or LGA.",
            "관측소가 있는 공항: EWR, JFK, LGA.",
        ),
        ColumnText("year", "SMALLINT", "Year, in New York.", "뉴욕 기준 연도."),
        ColumnText("month", "TINYINT", "Month, in New York.", "뉴욕 기준 월."),
        ColumnText("day", "TINYINT", "Day of the month, in New York.", "뉴욕 기준 일."),
        ColumnText("hour", "TINYINT", "Hour of the day, in New York.", "뉴욕 기준 시각(시)."),
        ColumnText("temp", "DOUBLE", "Temperature in °F.", "기온(°F)."),
        ColumnText("dewp", "DOUBLE", "Dew point in °F.", "이슬점(°F)."),
        ColumnText("humid", "DOUBLE", "Relative humidity in percent.", "상대 습도(%)."),
        ColumnText(
            "wind_dir", "SMALLINT", "Direction the wind comes from, in degrees.", "바람이 불어오는 방향(도)."
        ),
        ColumnText(
            "wind_speed",
            "DOUBLE",
            "Wind speed in miles an hour; one value of 1,048 is a known fault.",
            "풍속(마일/시). 1,048이라는 값 하나는 알려진 오류.",
        ),
        ColumnText(
            "wind_gust",
            "DOUBLE",
            "Speed of gusts in miles an hour; empty without gusts.",
            "돌풍 속도(마일/시). 돌풍이 없으면 빈 값.",
        ),
        ColumnText("precip", "DOUBLE", "Rain or melted snow in inches.", "강수량(인치)."),
        ColumnText("pressure", "DOUBLE", "Air pressure at sea level in millibars.", "해수면 기압(밀리바)."),
        ColumnText("visib", "DOUBLE", "Visibility in miles, 10 at most.", "가시거리(마일). 최대 10."),
        ColumnText("time_hour", "TIMESTAMPTZ", "The hour as a moment in time.", "그 시각의 시점(시 단위)."),
    ),
)

FLIGHTS = TableText(
    name="flights",
    file="flights.csv",
    name_en="Flights",
    name_ko="항공편",
    description_en=(
        "Every flight that was to leave New York (EWR, JFK, LGA) in 2013: planned and real times, delays, "
        "route and plane. One row a flight; a flight without a departure time was cancelled."
    ),
    description_ko=(
        "2013년에 뉴욕(EWR, JFK, LGA)을 떠날 예정이던 모든 항공편의 예정 시각과 실제 시각, 지연, 노선, "
        "비행기예요. 한 줄이 항공편 하나이고, 출발 시각이 비어 있으면 결항이에요."
    ),
    tags=("flights", "operations"),
    synonyms=("departures", "운항", "비행"),
    columns=(
        ColumnText("year", "SMALLINT", "Year of departure, in New York.", "뉴욕 기준 출발 연도."),
        ColumnText("month", "TINYINT", "Month of departure, in New York.", "뉴욕 기준 출발 월."),
        ColumnText("day", "TINYINT", "Day of departure, in New York.", "뉴욕 기준 출발 일."),
        ColumnText(
            "dep_time",
            "SMALLINT",
            "Real departure as HHMM, local; empty where the flight was cancelled.",
            "실제 출발 시각(HHMM, 현지). 결항이면 빈 값.",
        ),
        ColumnText(
            "sched_dep_time", "SMALLINT", "Planned departure as HHMM, local.", "예정 출발 시각(HHMM, 현지)."
        ),
        ColumnText(
            "dep_delay",
            "SMALLINT",
            "Departure delay in minutes; negative is early.",
            "출발 지연(분). 음수면 일찍 출발.",
        ),
        ColumnText(
            "arr_time",
            "SMALLINT",
            "Real arrival as HHMM, local to the destination.",
            "실제 도착 시각(HHMM, 도착지 현지).",
        ),
        ColumnText(
            "sched_arr_time",
            "SMALLINT",
            "Planned arrival as HHMM, local to the destination.",
            "예정 도착 시각(HHMM, 도착지 현지).",
        ),
        ColumnText(
            "arr_delay",
            "SMALLINT",
            "Arrival delay in minutes; negative is early, empty where it did not arrive.",
            "도착 지연(분). 음수면 일찍 도착, 도착하지 못했으면 빈 값.",
        ),
        ColumnText("carrier", "VARCHAR", "Airline; see airlines.", "항공사. airlines 참고."),
        ColumnText("flight", "INTEGER", "Flight number of the airline.", "항공사의 편명 번호."),
        ColumnText(
            "tailnum",
            "VARCHAR",
            "Registration of the plane; leads to its owner.",
            "비행기 등록 번호. 소유자로 이어짐.",
            personal=True,
        ),
        ColumnText(
            "origin", "VARCHAR", "Airport of departure: EWR, JFK or LGA.", "출발 공항: EWR, JFK, LGA."
        ),
        ColumnText("dest", "VARCHAR", "Airport of destination; see airports.", "도착 공항. airports 참고."),
        ColumnText("air_time", "SMALLINT", "Minutes in the air.", "비행 시간(분)."),
        ColumnText("distance", "INTEGER", "Distance between the airports in miles.", "공항 사이 거리(마일)."),
        ColumnText("hour", "TINYINT", "Hour of the planned departure.", "예정 출발 시각의 시."),
        ColumnText("minute", "TINYINT", "Minute of the planned departure.", "예정 출발 시각의 분."),
        ColumnText(
            "time_hour",
            "TIMESTAMPTZ",
            "Hour of the planned departure as a moment in time; joins the weather.",
            "예정 출발 시각의 시점(시 단위). 날씨와 잇는 열.",
        ),
        ColumnText(
            "flight_date",
            "DATE",
            "Day of the planned departure, in New York.",
            "뉴욕 기준 예정 출발 날짜.",
            made_by="make_date(year, month, day)",
        ),
    ),
)

TABLES = (AIRLINES, AIRPORTS, PLANES, WEATHER, FLIGHTS)
