"""Judge the JSON Schema of a job's parameters before any value is checked against it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator, SchemaError

from jobs.complaints import holds_nul
from jobs.exceptions import FieldError
from portal.said import said

Schema = Mapping[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
LARGEST: Final = 100_000
# Names become names of form fields and of SQL parameters.
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_WITHIN: Final = re.compile(r"#/\$defs/([^/]+)")
# Words that lead out of the schema, or move what its references mean.
_LEADING_OUT: Final = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary")


def with_defaults(params: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Return the parameters with the schema's default for each of the top level that is not given."""
    properties = schema.get("properties") or {}
    defaults = {
        name: part["default"]
        for name, part in properties.items()
        if isinstance(part, Mapping) and "default" in part
    }
    return {**defaults, **params}


def schema_problems(schema: Any, prefix: str = "parameters_schema") -> list[FieldError]:
    """Return what is wrong with the schema of an object, by the path within it; {} takes no parameters."""
    if not isinstance(schema, dict):
        return [FieldError(field=prefix, message=said("It takes a JSON Schema, which is an object."))]
    if not schema:
        return []
    if len(json.dumps(schema)) > LARGEST:
        return [FieldError(field=prefix, message=said("It is longer than 100,000 characters."))]
    if holds_nul(schema):
        return [FieldError(field=prefix, message=said("It holds the character NUL, which cannot be kept."))]
    found = list(_shape(schema)) or list(_references(schema)) or list(_properties(schema))
    return [FieldError(field=".".join(filter(None, [prefix, path])), message=text) for path, text in found]


def _shape(schema: Schema) -> Iterator[tuple[str, str]]:
    if schema.get("$schema", DIALECT).rstrip("#") != DIALECT:
        yield "$schema", said("It takes the dialect 2020-12: %(dialect)s", dialect=DIALECT)
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        told = error.message
        if error.validator == "format":
            told = said("The pattern cannot be read: %(pattern)s", pattern=error.instance)
        yield ".".join(map(str, error.absolute_path)), told
        return
    if schema.get("type") != "object":
        yield "type", said("Parameters are an object: «type» must be «object».")


def _references(schema: Schema) -> Iterator[tuple[str, str]]:
    """Refuse references that lead elsewhere, which would be fetched, and those that never end."""
    for path, part in _parts(schema):
        for word in _LEADING_OUT:
            if word in part:
                yield f"{path}.{word}".strip("."), said("This word is not supported.")
        reference = part.get("$ref")
        if reference is None:
            continue
        target = _WITHIN.fullmatch(str(reference))
        if target is None or target[1] not in schema.get("$defs", {}):
            yield (
                f"{path}.$ref".strip("."),
                said("A reference names something under #/$defs/ of this schema."),
            )
        elif target[1] in _reached(schema, target[1]):
            yield f"{path}.$ref".strip("."), said("The reference leads back to itself.")


def _properties(schema: Schema) -> Iterator[tuple[str, str]]:
    for name, part in schema.get("properties", {}).items():
        if not NAME.fullmatch(name):
            yield f"properties.{name}", said("A name takes letters, digits and _, and begins with no digit.")
        elif isinstance(part, dict) and "default" in part:
            yield from _default(schema, name, part)


def _default(schema: Schema, name: str, part: Schema) -> Iterator[tuple[str, str]]:
    """A default that does not fit would refuse every run that leaves the parameter out."""
    inner = {**part, "$defs": schema.get("$defs", {})}
    validator = Draft202012Validator(inner, format_checker=Draft202012Validator.FORMAT_CHECKER)
    wrong = next(iter(validator.iter_errors(part["default"])), None)
    if wrong is not None:
        yield f"properties.{name}.default", said("The default does not fit: %(why)s", why=wrong.message)


def _parts(value: Any, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every object within the schema with its path; values of defaults and choices are no schemas."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _parts(each, f"{path}.{index}")
    if not isinstance(value, Mapping):
        return
    yield path.strip("."), value
    for word, each in value.items():
        if word not in {"default", "enum", "const", "examples"}:
            yield from _parts(each, f"{path}.{word}")


def _reached(schema: Schema, name: str) -> set[str]:
    """Return the definitions that this one leads to, whichever way."""
    found: set[str] = set()
    front = [name]
    while front:
        target = schema.get("$defs", {}).get(front.pop(), {})
        named = {
            match[1]
            for _path, part in _parts(target)
            if (match := _WITHIN.fullmatch(str(part.get("$ref", ""))))
        }
        front += named - found
        found |= named
    return found
