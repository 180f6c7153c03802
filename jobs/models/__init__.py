"""The tables of jobs and runs, one group a file."""

from jobs.models.job import Job, JobVersion, Pool, Schedule
from jobs.models.run import Attempt, Clock, Run, RunEvent, RunLog, Worker

__all__ = [
    "Attempt",
    "Clock",
    "Job",
    "JobVersion",
    "Pool",
    "Run",
    "RunEvent",
    "RunLog",
    "Schedule",
    "Worker",
]
