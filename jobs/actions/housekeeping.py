"""The portal's own jobs, which every installation has from its first start."""

from django.conf import settings

from jobs.actions.definitions import refresh_parameters
from jobs.actions.jobs import JobDefinition, ScheduleDefinition, register
from jobs.models import Job
from portal.audit.actions import Actor

KEEP_THE_LAKE = JobDefinition(
    key="keep-the-lake",
    name_en="Keep the lake",
    name_ko="레이크 정리",
    description_en=(
        "Lets old versions of the lake go, except those that evidence rests on, and forgets results of "
        "queries that nobody cites."
    ),
    description_ko=(
        "레이크의 오래된 버전 가운데 근거에 쓰이지 않는 것을 지우고, 인용되지 않은 쿼리 결과도 지워요."
    ),
    kind="housekeeping",
    config={},
    parameters_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "dry_run": {"type": "boolean", "title": "Only say what would go", "default": False},
        },
    },
    timeout=1800,
    schedules=(ScheduleDefinition(cron="20 3 * * *"),),
)

READ_JOB_FILES = JobDefinition(
    key="job-files",
    name_en="Job files",
    name_ko="작업 파일",
    description_en="Makes, changes and switches off the jobs that files of a folder or repository define.",
    description_ko="폴더나 Git 저장소의 파일이 정의하는 작업을 만들고, 바꾸고, 꺼요.",
    kind="job_files",
    config={},
    parameters_schema={"type": "object", "additionalProperties": False, "properties": {}},
    timeout=300,
    max_attempts=1,
    schedules=(ScheduleDefinition(interval=300),),
)


def register_system_jobs() -> list[Job]:
    """Register them, or bring them up to date; a schedule that somebody paused stays paused.

    With the code the parameters of its pipelines may have changed: jobs that take these follow.
    """
    refresh_parameters()
    by = Actor.system("start")
    registered = [register(definition=KEEP_THE_LAKE, by=by)]
    from_files = bool(settings.JOBS_FOLDER or settings.JOBS_GIT_URL)
    if from_files:
        registered.append(register(definition=READ_JOB_FILES, by=by))
    # Without a folder its job has nothing to read; it stays, with its history.
    Job.objects.filter(key=READ_JOB_FILES.key).update(enabled=from_files)
    return registered
