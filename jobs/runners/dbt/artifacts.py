"""dbt's own files, as far as they are read: manifest.json and run_results.json."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.runners.dbt.project import DbtRefused
from portal.said import said
from portal.warehouse.port import CheckResult

LARGEST: Final = 200_000_000
RELATIONS: Final = frozenset({"model", "seed", "snapshot"})
TESTS: Final = frozenset({"test", "unit_test"})
_BAD: Final = frozenset({"error", "fail", "runtime error", "partial success"})

File = TypeVar("File", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class NodeColumn(_Part):
    """A column as the project describes it."""

    name: str
    description: str = ""
    meta: dict[str, Any] = {}
    config: dict[str, Any] = {}

    @property
    def personal(self) -> bool | None:
        """Whether the project says that it identifies people: ``meta: {personal: true}``."""
        marked = {**self.meta, **(self.config.get("meta") or {})}.get("personal")
        return marked if isinstance(marked, bool) else None


class NodeConfig(_Part):
    """What is configured of a node."""

    materialized: str = ""
    severity: str = "ERROR"


class DependsOn(_Part):
    """What a node reads."""

    nodes: list[str] = []


class Node(_Part):
    """A model, seed, snapshot, test or source."""

    unique_id: str
    resource_type: str
    name: str
    database: str | None = ""
    schema_name: str | None = Field(default="", alias="schema")
    alias: str = ""
    identifier: str = ""
    source_name: str = ""
    original_file_path: str = ""
    description: str = ""
    language: str = "sql"
    tags: list[str] = []
    columns: dict[str, NodeColumn] = {}
    config: NodeConfig = NodeConfig()
    depends_on: DependsOn = DependsOn()
    compiled_code: str | None = None
    attached_node: str | None = None
    test_metadata: dict[str, Any] | None = None

    @property
    def table(self) -> str:
        """Return its table as «schema.name»."""
        return f"{self.schema_name}.{self.identifier or self.alias or self.name}"

    @property
    def is_relation(self) -> bool:
        """Whether it becomes a table or view."""
        return self.resource_type in RELATIONS and self.config.materialized != "ephemeral"


class Manifest(_Part):
    """The project as dbt has read it."""

    nodes: dict[str, Node]
    sources: dict[str, Node] = {}
    unit_tests: dict[str, Node] = {}

    def find(self, key: str) -> Node | None:
        """Return a node by its id."""
        return self.nodes.get(key) or self.sources.get(key) or self.unit_tests.get(key)

    def relations(self) -> Iterator[Node]:
        """Return the nodes that become tables or views."""
        return (node for node in self.nodes.values() if node.is_relation)

    def upstream(self, node: Node) -> list[Node]:
        """Return the tables that a node reads: its own, and those of what is only put into its text."""
        found: dict[str, Node] = {}
        front = list(node.depends_on.nodes)
        seen: set[str] = set()
        while front:
            key = front.pop(0)
            each = self.find(key)
            if each is None or key in seen:
                continue
            seen.add(key)
            if each.is_relation or each.resource_type == "source":
                found[key] = each
            else:
                front += each.depends_on.nodes
        return list(found.values())


class NodeResult(_Part):
    """What a node came to."""

    unique_id: str
    status: str
    message: str | None = ""
    failures: int | None = None

    @property
    def bad(self) -> bool:
        """Whether it failed by itself."""
        return self.status in _BAD


class RunResults(_Part):
    """What the command came to, in the order in which nodes ended."""

    results: list[NodeResult] = []


def read(path: Path, shape: type[File]) -> File:
    """Return one of dbt's files; raises DbtRefused where it is too large or has another shape."""
    if path.stat().st_size > LARGEST:
        message = said("%(file)s is larger than %(most)s MB.", file=path.name, most=LARGEST // 1_000_000)
        raise DbtRefused(message)
    try:
        return shape.model_validate_json(path.read_bytes())
    except ValidationError as error:
        message = said(
            "%(file)s is not what dbt 1.11 writes: %(why)s", file=path.name, why=error.errors()[0]["msg"]
        )
        raise DbtRefused(message) from error


def told(manifest: Manifest, result: NodeResult) -> str:
    """Return what a node came to with its name and file, in one line."""
    node = manifest.find(result.unique_id)
    words = " ".join((result.message or result.status).split())[:600]
    if node is None:
        return f"{result.unique_id}: {words}"
    about = manifest.find(node.attached_node or "")
    if about is None:
        return f"{node.resource_type} {node.name} ({node.original_file_path}): {words}"
    return said(
        "%(kind)s %(name)s of %(model)s (%(file)s): %(why)s",
        kind=node.resource_type,
        name=node.name,
        model=about.name,
        file=node.original_file_path,
        why=words,
    )


def check_of(node: Node, result: NodeResult) -> CheckResult:
    """Return a test's result as the catalog keeps results."""
    name, test = node.name, node.test_metadata
    if test is not None:
        column = (test.get("kwargs") or {}).get("column_name")
        name = f"{test.get('name')}({column})" if column else str(test.get("name"))
    found = result.failures if result.failures is not None else result.message or ""
    return CheckResult(
        name=name[:200],
        passed=result.status == "pass",
        blocking=node.config.severity.lower() == "error",
        observed="none" if result.status == "pass" else str(found)[:200],
        expected="no failing rows",
    )


def checks_by_table(manifest: Manifest, results: list[NodeResult]) -> dict[str, list[CheckResult]]:
    """Return the tests' results by the table that each is about."""
    found: dict[str, list[CheckResult]] = {}
    for result in results:
        node = manifest.find(result.unique_id)
        if node is None or node.resource_type != "test" or result.status == "skipped":
            continue
        about = manifest.find(node.attached_node or "") or next(iter(manifest.upstream(node)), None)
        if about is not None:
            found.setdefault(about.table, []).append(check_of(node, result))
    return found
