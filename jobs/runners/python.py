"""The kind ``python``: runs a registered pipeline."""

from dataclasses import replace
from typing import Any

from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field

from jobs.complaints import fitted
from jobs.models import Job, Run
from jobs.runners import pipelines
from jobs.runners.base import Context, Step


class PythonConfig(BaseModel):
    """Which pipeline, and the settings it was registered to take."""

    model_config = ConfigDict(extra="forbid")

    pipeline: str = Field(title=gettext_noop("Pipeline"), json_schema_extra={"widget": "pipeline"})
    settings: dict[str, Any] = Field(
        default_factory=dict,
        title=gettext_noop("Settings"),
        description=gettext_noop("As JSON: what the pipeline lets a job decide, by name."),
    )
    secrets: list[str] = Field(
        default_factory=list,
        title=gettext_noop("Secrets"),
        description=gettext_noop("Names of secrets that the function may read by context.secret(name)."),
    )


class PythonRunner:
    """Run a pipeline's function and register what it published."""

    Config: type[BaseModel] = PythonConfig
    label = _("Python pipeline")
    icon = "code"
    confined = False
    docs = _("Runs a function of your code that is registered with @pipeline.")

    def __init__(self) -> None:
        # In the supervisor, so that bodies are forked with the modules in place. They must load engines late:
        # the threads that those start would not survive the fork.
        pipelines.pipelines()

    def steps(self, job: Job) -> list[Step]:
        """Return the steps its pipeline announced."""
        return list(pipelines.find(job.config["pipeline"]).steps)

    def parameters_schema(self, config: dict[str, Any]) -> dict[str, Any] | None:
        """Return the schema of the pipeline's parameters."""
        return pipelines.find(config["pipeline"]).parameters_schema()

    def run(self, context: Context) -> dict[str, Any]:
        """Call the pipeline with its own config and parameters models."""
        found = pipelines.find(context.config.pipeline)
        config: Any = context.config.settings
        params: Any = context.params
        if found.config is not None:
            config = fitted(found.config, config, "config.settings")
        if found.parameters is not None:
            params = fitted(found.parameters, params, "params")
        return found.body(replace(context, config=config, params=params)) or {}

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Register the published datasets in the catalog; the run keeps their keys and row counts."""
        if not outputs.get("published"):
            return outputs
        # Loaded only here: a pipeline that publishes nothing needs none of it.
        record_published = import_string("jobs.runners.landing.record_published")
        kept: dict[str, Any] = record_published(run=run, outputs=outputs)
        return kept
