"""The tables of jobs and runs, one group a file."""

from jobs.models.alert import Alert, AlertDigest, AlertNews
from jobs.models.artifact import Artifact
from jobs.models.attempt import Attempt
from jobs.models.backfill import Backfill
from jobs.models.data_trigger import DataTrigger, WatchedDataset
from jobs.models.edition_chart import EditionChart
from jobs.models.job import Job, JobVersion, Pool, Schedule
from jobs.models.process import Clock, TellingMark, Worker
from jobs.models.run import Run, RunEvent
from jobs.models.run_log import RunLog
from jobs.models.secret import Secret

__all__ = [
    "Alert",
    "AlertDigest",
    "AlertNews",
    "Artifact",
    "Attempt",
    "Backfill",
    "Clock",
    "DataTrigger",
    "EditionChart",
    "Job",
    "JobVersion",
    "Pool",
    "Run",
    "RunEvent",
    "RunLog",
    "Schedule",
    "Secret",
    "TellingMark",
    "WatchedDataset",
    "Worker",
]
