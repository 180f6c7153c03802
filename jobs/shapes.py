"""A job as files and the API write it: what may stand where; the definition's checks say the rest."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.choices import Misfire, OnConflict
from jobs.definitions import JobDefinition, ScheduleDefinition


class ScheduleShape(BaseModel):
    """When the job starts by itself: a cron line in a zone, or every so many seconds."""

    model_config = ConfigDict(extra="forbid")

    cron: str = Field(default="", max_length=100)
    zone: str = Field(default="UTC", max_length=64)
    interval: int | None = Field(default=None, ge=1, le=366 * 86_400, description="Seconds.")
    params: dict[str, Any] = {}
    by_slot: dict[str, str] = Field(
        default={},
        description="Parameters that take a day, week or month from the slot: day, day-1 (the one before), "
        "week, week-1, month, month-1 and so on.",
    )
    misfire: Literal["skip", "latest", "all"] = Field(
        default="latest", description="What happens to slots that passed while no clock ran."
    )
    grace: int = Field(default=300, ge=0, le=86_400, description="A slot so many seconds late is on time.")
    max_catchup: int = Field(default=24, ge=1, le=1000)
    enabled: bool = True

    def definition(self) -> ScheduleDefinition:
        """Return it as a definition."""
        return ScheduleDefinition(**{**self.model_dump(), "misfire": Misfire(self.misfire)})


class JobShape(BaseModel):
    """A job; durations are whole seconds, people stand by e-mail, teams and other jobs by key."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=100, description="Its name in addresses; it stays for good.")
    kind: str = Field(max_length=30)
    name_en: str = Field(max_length=200)
    name_ko: str = Field(default="", max_length=200)
    description_en: str = Field(default="", max_length=5000)
    description_ko: str = Field(default="", max_length=5000)
    config: dict[str, Any] = Field(default={}, description="What the kind asks for.")
    parameters_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON Schema (2020-12) of an object; null: none, or those of the job's pipeline.",
    )
    owner_email: str | None = Field(default=None, max_length=254)
    team_key: str | None = Field(default=None, max_length=50)
    private: bool = Field(default=False, description="Seen by its owner, its team and those named only.")
    pool: str = Field(default="default", max_length=50)
    priority: int = Field(default=0, description="Higher starts first.")
    max_active_runs: int = 1
    on_conflict: Literal["queue", "skip"] = "queue"
    timeout: int = 3600
    start_deadline: int | None = None
    alert_failed: bool = Field(default=True, description="Alert its owner and watchers when it fails.")
    late_after: int | None = Field(default=None, description="Alert when a run waits longer than this.")
    finish_within: int | None = Field(
        default=None, description="Alert when a run has not ended so long after its slot."
    )
    done_by: str = Field(
        default="",
        max_length=5,
        description="A time of day, HH:MM: alert when a slot's run has not ended when it next comes.",
    )
    done_by_zone: str = Field(default="UTC", max_length=64, description="The time zone of done_by.")
    alert_longer: bool = Field(default=False, description="Alert when a run takes longer than usual.")
    max_attempts: int = 3
    backoff: int = 10
    backoff_cap: int = 600
    after: tuple[str, ...] = Field(default=(), description="Jobs whose success starts this one.")
    runners: tuple[str, ...] = Field(default=(), description="People who may run it beyond their roles.")
    runner_teams: tuple[str, ...] = ()
    editors: tuple[str, ...] = Field(default=(), description="People who may edit it beyond their roles.")
    editor_teams: tuple[str, ...] = ()

    def definition(self, *, schedules: tuple[ScheduleDefinition, ...] | None = None) -> JobDefinition:
        """Return it as a definition; without ``schedules`` the job keeps those it has."""
        values = {name: getattr(self, name) for name in JobShape.model_fields}
        if self.parameters_schema is None and self.kind != "python":
            values["parameters_schema"] = {}
        values["on_conflict"] = OnConflict(self.on_conflict)
        for name in ("runners", "editors"):
            values[name] = tuple(email.lower() for email in values[name])
        return JobDefinition(**values, schedules=schedules)
