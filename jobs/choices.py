"""The words of jobs and runs, each state with its tone and its sets."""

from collections.abc import Mapping
from functools import cache

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

# The job behind «Ask the lake»: its runs carry what one person asked, and only that person reads them.
QUERY_JOB = "query"
QUERY_KIND = "query"
# The job behind «Look into it»: the first rows of a source file, for the person who asked.
PEEK_JOB = "peek"
PEEK_KIND = "peek"
# Jobs whose runs are each the affair of whoever asked for it, and of nobody else.
OWN_JOBS = frozenset({QUERY_JOB, PEEK_JOB})
# Kinds that people ask for at a place of their own, which judges what they ask and how much is open.
ASKED_KINDS = frozenset({QUERY_KIND, PEEK_KIND, "verify"})
REPORT_KIND = "report"
CHECK_KIND = "quality_check"
# Kinds whose work goes on in another system (runners.base.Following): cancels and time limits are told there.
FOLLOWING_KINDS = frozenset({"airflow_dag"})
# Kinds whose work takes no parameters: neither their form nor a backfill asks for any.
PLAIN_KINDS = frozenset({"sql_model", CHECK_KIND, "metric_refresh"})
DBT_KIND = "dbt"
# What its readers are told of a new edition.
REPORT_READY = "report.ready"


class RunState(models.TextChoices):
    """Where a run stands; an end is never left."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DEFERRED = "deferred", _("Waiting elsewhere")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    TIMED_OUT = "timed_out", _("Timed out")
    CANCELLED = "cancelled", _("Cancelled")
    LOST = "lost", _("Lost")
    SKIPPED = "skipped", _("Skipped")

    @classmethod
    def ends(cls) -> frozenset["RunState"]:
        """The states that are never left."""
        return frozenset(cls) - cls.open()

    @classmethod
    def open(cls) -> frozenset["RunState"]:
        """The states that something still comes after."""
        return frozenset({cls.QUEUED, cls.RUNNING, cls.DEFERRED})

    @classmethod
    def unhappy(cls) -> frozenset["RunState"]:
        """The ends that somebody should look at."""
        return frozenset({cls.FAILED, cls.TIMED_OUT, cls.LOST})

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return _TONES[self]


_TONES = {
    RunState.QUEUED: "neutral",
    RunState.RUNNING: "info",
    RunState.DEFERRED: "info",
    RunState.SUCCEEDED: "good",
    RunState.FAILED: "bad",
    RunState.TIMED_OUT: "bad",
    RunState.CANCELLED: "neutral",
    RunState.LOST: "bad",
    RunState.SKIPPED: "neutral",
}


def labels_of_states() -> Mapping[str, str]:
    """Return the words of all states in the reader's language, for pages that show hundreds of runs."""
    return _labels_in(get_language())


@cache
def _labels_in(_language: str | None) -> Mapping[str, str]:
    return {state.value: str(state.label) for state in RunState}


class Condition(models.TextChoices):
    """What an alert is about."""

    FAILED = "failed", _("Failed")
    LATE = "late", _("Not started in time")
    DEADLINE = "deadline", _("Not ended in time")
    LONGER = "longer", _("Takes longer than usual")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        return "bad" if self in {Condition.FAILED, Condition.DEADLINE} else "warn"


class Trigger(models.TextChoices):
    """What started a run."""

    MANUAL = "manual", _("By hand")
    API = "api", _("By API")
    SCHEDULE = "schedule", _("By schedule")
    AFTER = "after", _("After another job")
    DATA = "data", _("By new data")
    BACKFILL = "backfill", _("By a backfill")


class Reason(models.TextChoices):
    """Why a run is where it is, where the state alone does not say."""

    NONE = "", ""
    RETRY = "retry", _("Waiting for another try")
    WORKER_LOST = "worker_lost", _("Its worker went silent")
    HANDED_OVER = "handed_over", _("Handed over by a stopping worker")
    START_DEADLINE = "start_deadline", _("Not started in time")
    OVERLAP = "overlap", _("Another run was still going")
    MISSED = "missed", _("No clock ran at its time")
    DISABLED = "disabled", _("The job was switched off")


class Isolation(models.TextChoices):
    """Where a run's body works: in the supervisor, in its own process, or in one kept for the next run."""

    INLINE = "inline", _("In the worker")
    FORK = "fork", _("In its own process")
    WARM = "warm", _("In a warm process")


class OnConflict(models.TextChoices):
    """What a slot does when the job already has as many runs as it may."""

    QUEUE = "queue", _("Wait in the queue")
    SKIP = "skip", _("Skip")


class Source(models.TextChoices):
    """Where a job's definition is changed."""

    PORTAL = "portal", _("Made in the portal")
    CODE = "code", _("Defined in code")
    FILE = "file", _("Defined in a file")


class Misfire(models.TextChoices):
    """What happens to slots that passed while no clock ran."""

    SKIP = "skip", _("Skip late slots")
    LATEST = "latest", _("Run the latest")
    ALL = "all", _("Run them all")


class Gathering(models.TextChoices):
    """Which of its datasets must be published anew before a job starts by new data."""

    ANY = "any", _("As soon as one of them is published")
    ALL = "all", _("When each of them was published since the last start")


class PartitionUnit(models.TextChoices):
    """How long a partition of a backfill is."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week, from Monday")
    MONTH = "month", _("Month")


class ErrorClass(models.TextChoices):
    """Whose fault an attempt's end was; decides whether another try makes sense."""

    USER_CODE = "user_code", _("The job's own code")
    BAD_INPUT = "bad_input", _("The input data")
    SETTINGS = "settings", _("The job's settings")
    CHECK_FAILED = "check_failed", _("A check on the data")
    WAREHOUSE = "warehouse", _("The warehouse")
    ELSEWHERE = "elsewhere", _("Another system")
    REFUSED = "refused", _("Another system’s refusal")
    FAILED_THERE = "failed_there", _("Work in another system")
    CRASH = "crash", _("The process died")
    TIMEOUT = "timeout", _("The time limit")
    WORKER_LOST = "worker_lost", _("The worker died")
    STORAGE = "storage_full", _("The disk")

    @classmethod
    def retried(cls) -> frozenset["ErrorClass"]:
        """The classes that another try may heal; the same bad input stays bad."""
        return frozenset(
            {cls.USER_CODE, cls.WAREHOUSE, cls.ELSEWHERE, cls.CRASH, cls.WORKER_LOST, cls.STORAGE}
        )


class Outcome(models.TextChoices):
    """How an attempt ended."""

    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    TIMED_OUT = "timed_out", _("Timed out")
    CANCELLED = "cancelled", _("Cancelled")
    LOST = "lost", _("Lost worker")
    HANDED_OVER = "handed_over", _("Handed over")
    DEFERRED = "deferred", _("Waits elsewhere")

    @property
    def tone(self) -> str:
        """The tone of its mark."""
        tones = {
            "running": "info",
            "deferred": "info",
            "succeeded": "good",
            "cancelled": "neutral",
            "handed_over": "neutral",
        }
        return tones.get(self.value, "bad")
