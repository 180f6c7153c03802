"""Pipelines: functions of ours or of the team's that a ``python`` job runs, found by their key."""

import importlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from pydantic import BaseModel

from jobs.exceptions import UnknownPipeline
from jobs.runners.base import Context, Step
from jobs.runners.packages import Packages
from portal.said import in_a_row, said

log = structlog.get_logger(__name__)
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
# By key: the modules that register it besides the first one.
_DOUBLED: dict[str, set[str]] = {}
_LOADING = threading.RLock()


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
            _DOUBLED.setdefault(key, set()).add(body.__module__)
            return body
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
    loaded = _loaded()
    return {key: found for key, found in _REGISTERED.items() if key not in loaded.refused}


def find(key: str) -> Pipeline:
    """Return one pipeline; raises UnknownPipeline, which names the packages that may be why."""
    loaded = _loaded()
    if key in loaded.refused:
        raise UnknownPipeline(loaded.refused[key])
    try:
        return _REGISTERED[key]
    except KeyError:
        unknown = said("No pipeline is registered under the key '%(key)s'.", key=key)
        raise UnknownPipeline(in_a_row(unknown, *loaded.broken, *loaded.left_out)) from None


def troubles() -> list[str]:
    """Return what is wrong with installed packages that name pipelines, a sentence each."""
    loaded = _loaded()
    return [*loaded.broken, *loaded.refused.values(), *loaded.doubled]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What loading came to, in sentences; ``refused`` are keys of two packages, which neither may run."""

    broken: list[str]
    left_out: list[str]
    refused: dict[str, str]
    doubled: list[str]


def _loaded() -> _Loaded:
    # Threads of the web ask at the same time: each package is loaded, and told of, once.
    with _LOADING:
        return _load()


@cache
def _load() -> _Loaded:
    for module in settings.JOB_PIPELINES:
        importlib.import_module(module)
        for key, others in _DOUBLED.items():
            message = f"The pipeline {key!r} is registered twice: {_module_of(key)}, {', '.join(others)}"
            raise ValueError(message)
    own = set(_REGISTERED)
    packages = Packages(settings.PIPELINE_PACKAGES)
    packages.load(forget=_forget)
    refused: dict[str, str] = {}
    doubled: list[str] = []
    for key, others in _DOUBLED.items():
        first, *more = (packages.name_of(module) for module in (_module_of(key), *sorted(others)))
        names = {"key": key, "first": first, "second": ", ".join(more)}
        if key in own:
            # The operator named that module, and the package must not take its jobs away.
            doubled.append(said("%(second)s registers '%(key)s', too: it stays that of %(first)s.", **names))
        else:
            refused[key] = said("%(first)s and %(second)s both register '%(key)s': neither runs it.", **names)
    loaded = _Loaded(packages.broken(), packages.left_out(), refused, doubled)
    for trouble in [*loaded.broken, *refused.values(), *doubled]:
        log.warning("pipelines_not_loaded", why=str(trouble))
    return loaded


def _module_of(key: str) -> str:
    return _REGISTERED[key].body.__module__


def _forget(is_loaded: Callable[[str], bool]) -> None:
    """Take back what modules registered before they broke."""
    for key in [key for key in _REGISTERED if not is_loaded(_module_of(key))]:
        del _REGISTERED[key]
    for key in list(_DOUBLED):
        _DOUBLED[key] = {module for module in _DOUBLED[key] if is_loaded(module)}
        if not _DOUBLED[key]:
            del _DOUBLED[key]
