"""The OpenAPI description, made from the views: scopes, the token's scheme and problems added."""

from functools import cache
from typing import Any, Final

from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from rest_framework.request import Request

Document = dict[str, Any]

METHODS: Final = ("get", "post", "put", "patch", "delete")
_PROBLEM_REF: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PROBLEM: Final[Document] = {
    "type": "object",
    "description": "An error, in the form of RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Where this error is explained.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What happened, in words."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "line": {"type": "integer", "nullable": True, "description": "Where refused SQL is wrong, from 1."},
        "column": {"type": "integer", "nullable": True, "description": "Where in that line, from 1."},
        "request_id": {"type": "string", "description": "Name it when you ask us for help."},
    },
}
# What any call may be answered, beyond what its view says.
_ALWAYS: Final = {
    "401": "There is no token, or it opens nothing.",
    "403": "The token's scopes or its owner's roles do not allow it.",
    "429": "Too many calls; wait as long as Retry-After says.",
    "500": "Something broke on our side.",
}
# What a part of an address, or a filter, means wherever its view says nothing of its own.
_MEANINGS: Final = {
    "path": {
        "key": "Its key, as in the address of its page.",
        "number": "Its number, as its page shows it.",
        "run_id": "The run's id, as the call that started it answered.",
        "kind": "The kind of thing: dataset, metric or question.",
        "name": "The name of the step, as available_transitions gives it.",
        "format": "The kind of file.",
        **dict.fromkeys(
            ("id", "backfill_id", "schedule_id", "trigger_id", "delivery"), "Its id, as the list gives it."
        ),
    },
    "query": {
        "certification": "Only what is certified in this way.",
        "condition": "Only alerts of this condition.",
        "created_after": "Only from this moment on (ISO 8601).",
        "created_before": "Only before this moment (ISO 8601).",
        "job": "Only of the job with this key.",
        "kind": "Only of this kind.",
        "mine": "Only what you asked, have in your hands or are to review.",
        "open": "true: only what is open; false: only what is closed.",
        "owner": "Only what belongs to the person with this number.",
        "priority": "Only of this priority.",
        "q": "Only what holds each of these words.",
        "state": "Only in this state.",
        "team": "Only of the team with this key.",
        "trigger": "Only what was started in this way.",
    },
}


class ScopedSchema(AutoSchema):
    """Describe an operation together with the scope that it asks for."""

    def get_extensions(self) -> Document:
        """Name the scope in ``x-required-scope``, and one that does as well in ``x-or-scope``."""
        told = {"x-required-scope": "required_scopes", "x-or-scope": "or_scopes"}
        scopes = {word: getattr(self.view, name, {}).get(self.method) for word, name in told.items()}
        return {word: scope for word, scope in scopes.items() if scope}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the Authorization header."""

    target_class = "portal.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> Document:
        """Return a bearer scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "ddesk_…"}


def only_the_api(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Keep what other systems call: the versioned addresses (a preprocessing hook of drf-spectacular)."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]


def complete(result: Document, generator: SchemaGenerator, request: Request | None, public: bool) -> Document:
    """Add the problem form and the answers that any call may get (a postprocessing hook)."""
    result["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    for path in result["paths"].values():
        for method in METHODS:
            if method in path:
                _complete_operation(path[method])
    return result


def _complete_operation(operation: Document) -> None:
    for parameter in operation.get("parameters", []):
        meaning = _MEANINGS.get(parameter["in"], {}).get(parameter["name"])
        # drf-spectacular lists the values of a choice where words are missing.
        if meaning and not parameter.get("description", "").partition("* `")[0].strip():
            parameter["description"] = f"{meaning}\n\n{parameter.get('description', '')}".strip()
    responses: Document = operation.setdefault("responses", {})
    if operation.get("parameters") or operation.get("requestBody"):
        responses.setdefault("400", {"description": "Some values are not right; errors names them."})
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", [])):
        responses.setdefault("404", {"description": "There is nothing here, or nothing that you may see."})
    if operation.get("requestBody"):
        responses.setdefault("413", {"description": "The body is larger than one megabyte."})
        responses.setdefault("415", {"description": "The body is not JSON."})
    for status, description in _ALWAYS.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if status >= "400":
            response["content"] = _PROBLEM_REF
    operation["responses"] = dict(sorted(responses.items()))


@cache
def document() -> Document:
    """Return the whole description, in English; made once a process, since it changes only with the code."""
    with translation.override("en"):
        return dict(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
