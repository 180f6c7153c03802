"""Pipelines: functions of ours or of the team's that a ``python`` job runs, found by their key."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, Final

from django.conf import settings
from pydantic import BaseModel

from jobs.exceptions import UnknownPipeline
from jobs.runners.base import Context, Step
from portal.said import said

# Installed packages name their modules with pipelines under it.
ENTRY_POINTS: Final = "data_desk.pipelines"
Body = Callable[[Context], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A registered pipeline: its texts, its models and the function that does the work."""

    key: str
    name_en: str
    name_ko: str
    description_en: str
    description_ko: str
    body: Body
    parameters: type[BaseModel] | None
    config: type[BaseModel] | None
    steps: tuple[Step, ...]
    demo: bool

    def parameters_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of its parameters; without a model it takes none."""
        if self.parameters is None:
            return {"type": "object", "properties": {}, "additionalProperties": False}
        schema = self.parameters.model_json_schema()
        # PostgreSQL keeps an object's names in an order of its own; the form follows this list.
        return {"additionalProperties": False, "x-order": list(schema.get("properties", {})), **schema}


_REGISTERED: dict[str, Pipeline] = {}


def pipeline(
    key: str,
    *,
    name_en: str,
    name_ko: str,
    description_en: str = "",
    description_ko: str = "",
    parameters: type[BaseModel] | None = None,
    config: type[BaseModel] | None = None,
    steps: Iterable[Step] = (),
    demo: bool = False,
) -> Callable[[Body], Body]:
    """Register the decorated function as a pipeline; it takes a Context and returns JSON-able outputs.

    Datasets it published go under ``"published"`` as dumps of ``catalog.published.PublishedDataset``.
    """

    def register(body: Body) -> Body:
        known = _REGISTERED.get(key)
        if known is not None and known.body.__module__ != body.__module__:
            message = f"The pipeline {key!r} is registered twice: {known.body.__module__}, {body.__module__}"
            raise ValueError(message)
        _REGISTERED[key] = Pipeline(
            key=key,
            name_en=name_en,
            name_ko=name_ko,
            description_en=description_en,
            description_ko=description_ko,
            body=body,
            parameters=parameters,
            config=config,
            steps=tuple(steps),
            demo=demo,
        )
        return body

    return register


def pipelines() -> dict[str, Pipeline]:
    """Return every pipeline of the modules that JOB_PIPELINES and installed packages name, by key."""
    _load()
    return dict(_REGISTERED)


def find(key: str) -> Pipeline:
    """Return one pipeline; raises UnknownPipeline."""
    _load()
    try:
        return _REGISTERED[key]
    except KeyError:
        raise UnknownPipeline(said("No pipeline is registered under the key '%(key)s'.", key=key)) from None


@cache
def _load() -> None:
    for module in settings.JOB_PIPELINES:
        importlib.import_module(module)
    # Of one key two modules are refused, so their order does not matter.
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        importlib.import_module(entry.module)
