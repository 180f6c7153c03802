"""What a job of the kind ``dbt`` states."""

import json
from typing import Annotated, Any, Final, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from jobs.complaints import WrongField
from jobs.runners.landing import free_schema
from jobs.runners.sources import RefusedPath, plain_parts
from portal.said import said

LONGEST_VARS: Final = 20_000

# One word of dbt's selection; it may not pass for an option.
Selector = Annotated[str, Field(pattern=r"^[^\s-]\S*$", max_length=200)]


def _below(path: str) -> str:
    try:
        plain_parts(path)
    except RefusedPath:
        message = said(
            "«%(path)s»: write a path below the folder of dbt projects, without «..», «\\» and a leading «/»",
            path=path,
        )
        raise ValueError(message) from None
    return path


class DbtConfig(BaseModel):
    """A project, the command, and what of the project it is about."""

    model_config = ConfigDict(extra="forbid")

    project: Annotated[str, AfterValidator(_below)] = Field(
        min_length=1,
        max_length=500,
        title=gettext_noop("Project"),
        description=gettext_noop(
            "The folder with dbt_project.yml, below the folder of dbt projects (DBT_FOLDER)."
        ),
        examples=["shop"],
    )
    command: Literal["build", "run", "test", "seed", "snapshot"] = Field(
        default="build",
        title=gettext_noop("Command"),
        description=gettext_noop(
            "«build» makes and tests everything in its order; «test» puts the tests to what is in the lake."
        ),
    )
    select: list[Selector] = Field(
        default=[],
        max_length=100,
        title=gettext_noop("Select"),
        description=gettext_noop("Only these nodes, in dbt's words: orders+, tag:daily, path:models/marts."),
    )
    exclude: list[Selector] = Field(
        default=[],
        max_length=100,
        title=gettext_noop("Exclude"),
        description=gettext_noop("Not these nodes."),
    )
    full_refresh: bool = Field(
        default=False,
        title=gettext_noop("Full refresh"),
        description=gettext_noop("Compute incremental models anew instead of adding to them."),
    )
    vars: dict[str, Any] = Field(
        default={},
        title=gettext_noop("Variables"),
        description=gettext_noop("As JSON: the project's vars. A parameter of the run goes before them."),
    )
    target_schema: Annotated[str, AfterValidator(free_schema)] = Field(
        default="dbt",
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        title=gettext_noop("Schema"),
        description=gettext_noop("The schema of the lake for models that name none of their own."),
        examples=["dbt"],
    )
    threads: int = Field(
        default=2, ge=1, le=16, title=gettext_noop("Threads"), description=gettext_noop("Nodes at a time.")
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.full_refresh and self.command not in {"build", "run"}:
            raise WrongField("full_refresh", said("it goes with build and run only"))
        if len(json.dumps(self.vars)) > LONGEST_VARS:
            message = said("they take %(most)s characters at most", most=f"{LONGEST_VARS:,}")
            raise WrongField("vars", message)
        return self
