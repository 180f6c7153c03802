"""The demonstration's jobs: load the flights each morning, then refresh their metrics."""

from jobs.actions.jobs import JobDefinition, ScheduleDefinition
from portal.demo.people import DOMAIN

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
)
