"""Turn the OpenAPI description into what the API's page shows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from portal.api.schema import METHODS, Document, document

# How deep an example is made up; deeper objects are shown as {}.
_DEPTH: Final = 6
_SAMPLES: Final = {
    "date-time": "2026-11-23T09:00:00Z",
    "date": "2026-11-23",
    "uuid": "0199aa00-0000-7000-8000-000000000000",
    "uri": "https://desk.example.com/api/v1/runs?cursor=cD0x",
    "email": "dan@example.com",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that may stand in the address or a header."""

    name: str
    place: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One status that a call may get."""

    status: str
    description: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    id: str
    method: str
    path: str
    summary: str
    scope: str
    parameters: list[Parameter]
    answers: list[Answer]
    body: str
    example: str

    @property
    def curl(self) -> str:
        """A call to copy; the token and the address stand in shell variables, never in the line itself."""
        lines = ["curl"]
        if self.method != "GET":
            lines[0] += f" -X {self.method}"
        lines.append('  -H "Authorization: Bearer $TOKEN"')
        if any(parameter.name == "Idempotency-Key" for parameter in self.parameters):
            lines.append('  -H "Idempotency-Key: $(uuidgen)"')
        if self.body:
            lines.append('  -H "Content-Type: application/json"')
            lines.append(f"  -d '{json.dumps(json.loads(self.body))}'")
        lines.append(f'  "$DESK{self.path}"')
        return " \\\n".join(lines)


@dataclass(frozen=True, slots=True)
class Group:
    """The endpoints of one kind of thing."""

    name: str
    endpoints: list[Endpoint] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The group's name as a heading, in English."""
        return self.name.capitalize()


def texts() -> Iterator[str]:
    """Yield each text of the description that its page shows, to be translated."""
    for group in groups():
        yield group.title
        for endpoint in group.endpoints:
            yield endpoint.summary
            yield from (parameter.description for parameter in endpoint.parameters)
            yield from (answer.description for answer in endpoint.answers)


@cache
def groups() -> list[Group]:
    """Return all endpoints by their first tag, in the order of the description."""
    found: dict[str, Group] = {}
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                name = operation.get("tags", ["other"])[0]
                found.setdefault(name, Group(name)).endpoints.append(_endpoint(path, method, operation))
    return list(found.values())


def _endpoint(path: str, method: str, operation: Document) -> Endpoint:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return Endpoint(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary") or operation.get("description", ""),
        scope=operation.get("x-required-scope", ""),
        parameters=[_parameter(given) for given in operation.get("parameters", [])],
        answers=[Answer(status, given["description"]) for status, given in operation["responses"].items()],
        body=_pretty(_example(body)) if body else "",
        example=_first_example(operation["responses"]),
    )


def _parameter(given: Document) -> Parameter:
    schema = given.get("schema", {})
    kind = (
        " | ".join(str(value) for value in schema["enum"])
        if "enum" in schema
        else schema.get("type", "string")
    )
    return Parameter(
        name=given["name"],
        place=given["in"],
        kind=kind,
        required=given.get("required", False),
        # The list of values that drf-spectacular puts behind the words stands in ``kind`` already.
        description=given.get("description", "").partition("* `")[0].strip(),
    )


def _first_example(responses: Document) -> str:
    for status, response in responses.items():
        content = response.get("content", {}).get("application/json")
        if status < "300" and content:
            return _pretty(_example(content))
    return ""


def _example(content: Document) -> Any:
    given = next(iter(content.get("examples", {}).values()), None)
    return given["value"] if given else _sample(content.get("schema", {}))


def _sample(schema: Document, depth: int = 0) -> Any:
    """Make up a value that fits the schema."""
    schema = _resolve(schema)
    for key in ("example", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        return dict(_properties(schema, depth))
    if kind == "array":
        return [_sample(schema.get("items", {}), depth + 1)] if depth < _DEPTH else []
    return {"integer": 1, "number": 0.5, "boolean": True}.get(
        kind, _SAMPLES.get(schema.get("format", ""), "text")
    )


def _properties(schema: Document, depth: int) -> Iterator[tuple[str, Any]]:
    if depth < _DEPTH:
        for name, inner in schema.get("properties", {}).items():
            yield name, _sample(inner, depth + 1)


def _resolve(schema: Document) -> Document:
    while True:
        if "$ref" in schema:
            schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif any(key in schema for key in ("allOf", "oneOf", "anyOf")):
            schema = next(schema[key][0] for key in ("allOf", "oneOf", "anyOf") if key in schema)
        else:
            return schema


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
