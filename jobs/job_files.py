"""Job definitions in files: read a folder of TOML and YAML, and say what is wrong by file, line and field."""

import datetime as dt
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.complaints import complaints
from jobs.definitions import JobDefinition
from jobs.exceptions import FieldError
from jobs.shapes import JobShape, ScheduleShape
from portal.said import joined, said, said_of

SUFFIXES: Final = frozenset({".toml", ".yaml", ".yml"})
LARGEST: Final = 1_000_000
MOST_FILES: Final = 1000


class JobEntry(JobShape):
    """A job in a file, with its schedules: those that are not listed it does not have."""

    schedules: list[ScheduleShape] = Field(default=[], max_length=50)


class JobFile(BaseModel):
    """A file of jobs."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[JobEntry] = Field(max_length=500)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file, and where; ``line`` is None where nobody knows."""

    file: str
    message: str
    line: int | None = None
    field: str = ""

    def __str__(self) -> str:
        return str(self.told())

    def told(self) -> str:
        """Return it with its place, as a sentence that is read in other languages too."""
        line = [said("line %(line)s", line=self.line)] if self.line else []
        place = joined(", ", [self.file, *line, *filter(None, [self.field])])
        return joined(": ", [place, self.message])


class Unreadable(Exception):
    """The text of a file is not what its name says; ``line`` is where."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file as it was read: its definitions, or its faults."""

    name: str
    text: str
    definitions: list[JobDefinition]
    faults: list[Fault]

    def fault(self, error: FieldError) -> Fault:
        """Return an error of one of its fields (``jobs.0.config.dataset``) with its line."""
        return Fault(
            self.name, error["message"], _line_of(self.name, self.text, error["field"]), error["field"]
        )


def read_folder(folder: Path) -> list[ReadFile]:
    """Read every file of jobs in a folder and those below, by name; what is hidden is passed over."""
    found = _files(folder)
    # A file that is passed over in silence would have its jobs switched off.
    message = said("A folder holds at most %(most)s files of jobs.", most=MOST_FILES)
    names = [path.relative_to(folder).as_posix() for path in found[MOST_FILES:]]
    beyond = [ReadFile(name, "", [], [Fault(name, message)]) for name in names]
    return [*(_read(folder, path) for path in found[:MOST_FILES]), *beyond]


def _files(folder: Path) -> list[Path]:
    root = folder.resolve()
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        # A link must not lead to what lies elsewhere on this machine.
        and path.resolve().is_relative_to(root)
        and path.is_file()
    ]


def _read(folder: Path, path: Path) -> ReadFile:
    name = path.relative_to(folder).as_posix()
    if path.stat().st_size > LARGEST:
        return ReadFile(name, "", [], [Fault(name, said("It is larger than 1 MB."))])
    try:
        text = path.read_text(encoding="utf-8")
        told = _plain(_toml(text) if path.suffix == ".toml" else _yaml(text))
    except UnicodeDecodeError:
        return ReadFile(name, "", [], [Fault(name, said("It is not written in UTF-8."))])
    except OSError as error:
        return ReadFile(name, "", [], [Fault(name, str(error.strerror))])
    except Unreadable as error:
        return ReadFile(name, "", [], [Fault(name, said_of(error), error.line)])
    read = ReadFile(name, text, [], [])
    try:
        entries = JobFile.model_validate(told).jobs
    except ValidationError as error:
        read.faults.extend(read.fault(each) for each in complaints(error))
        return read
    read.definitions.extend(
        entry.definition(schedules=tuple(each.definition() for each in entry.schedules)) for entry in entries
    )
    return read


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise Unreadable(str(error), int(line[1]) if line else None) from error


class _Loader(yaml.SafeLoader):
    """Plain values only: a date stays the text it was, and nothing is named twice."""

    yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping; of two values of one name the first would be lost without a word."""
        names = set()
        for key, _value in node.value:
            # What is no plain name has no name to compare; the loader refuses it as a key.
            name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
            if name in names:
                raise Unreadable(said("%(name)s stands here twice.", name=name), _line(key))
            names.add(name)
        return super().construct_mapping(node, deep)


def _yaml(text: str) -> Any:
    try:
        _refuse_aliases(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - made from the safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        told = str(getattr(error, "problem", None) or error)
        raise Unreadable(told, mark.line + 1 if mark else None) from error
    except (RecursionError, ValueError) as error:
        raise Unreadable(said_of(error)) from error


def _refuse_aliases(text: str) -> None:
    """An alias may stand for a value of any size, again and again."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else None
            raise Unreadable(said("Aliases (*name) are not supported."), line)


def _plain(value: Any) -> Any:
    """Return JSON values: dates of TOML as text; raises Unreadable for what JSON cannot hold."""
    try:
        return json.loads(json.dumps(value, default=_as_text, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable(said_of(error)) from error


def _as_text(value: Any) -> str:
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    raise TypeError(said("A value of the type %(type)s cannot be kept.", type=type(value).__name__))


def _line_of(name: str, text: str, field: str) -> int | None:
    path = field.split(".")
    return _toml_line(text, path) if name.endswith(".toml") else _yaml_line(text, path)


def _yaml_line(text: str, path: list[str]) -> int | None:
    """Return the line of the deepest part of the path that stands in the text."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = _line(node) if node else None
    for part in path:
        found = _inside(node, part)
        if found is None:
            break
        line, node = found
    return line


def _inside(node: yaml.Node | None, part: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((_line(key), value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        return _line(node.value[int(part)]), node.value[int(part)]
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _toml_line(text: str, path: list[str]) -> int | None:
    """Return the line of the named job's field, else of the job: TOML's reader does not say where it read."""
    lines = list(enumerate(text.splitlines(), start=1))
    starts = [number for number, line in lines if re.match(r"\s*\[\[\s*jobs\s*\]\]", line)]
    if len(path) < 2 or not path[1].isdigit() or int(path[1]) >= len(starts):
        return 1 if lines else None
    position = int(path[1])
    start = starts[position]
    end = starts[position + 1] if position + 1 < len(starts) else len(lines) + 1
    within = [(number, line) for number, line in lines if start <= number < end]
    for part in reversed([part for part in path[2:] if not part.isdigit()]):
        name = re.escape(part)
        wanted = re.compile(rf"\s*(?:[\w.\"'-]*\.)?[\"']?{name}[\"']?\s*=|\s*\[+[^\]]*\b{name}\s*\]")
        if found := next((number for number, line in within if wanted.match(line)), None):
            return found
    return start


def in_order(definitions: list[JobDefinition]) -> Iterator[tuple[int, JobDefinition]]:
    """Yield a file's jobs with their positions, each behind those of the file that come before it."""
    left: Mapping[str, tuple[int, JobDefinition]] = {
        definition.key: (position, definition) for position, definition in enumerate(definitions)
    }
    waiting = dict(left)
    while waiting:
        ready = [
            key for key, (_position, job) in waiting.items() if not waiting.keys() & set(job.after) - {key}
        ]
        # In a circle none is ready: the definition's own checks name it.
        for key in ready or list(waiting):
            yield waiting.pop(key)
