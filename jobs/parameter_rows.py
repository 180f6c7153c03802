"""Build the JSON Schema of a job's parameters from rows that people fill in, and take it apart again."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field

from jobs.exceptions import FieldError
from jobs.schemas import NAME, Schema

Kind = Literal["string", "integer", "number", "boolean", "date", "date-time", "list"]

_LABELS: Final = {
    "string": gettext_noop("Text"),
    "integer": gettext_noop("Whole number"),
    "number": gettext_noop("Number"),
    "boolean": gettext_noop("Yes or no"),
    "date": gettext_noop("Date"),
    "date-time": gettext_noop("Date and time"),
    "list": gettext_noop("List of texts"),
}
_FORMATS: Final = frozenset({"date", "date-time"})
# What the limits of a row are called, by its type.
_LIMITS: Final = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "list": ("minItems", "maxItems"),
}


class Row(BaseModel):
    """One parameter as people describe it; ``default`` is typed as text, whatever the type."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        title=gettext_noop("Name"), max_length=63, description=gettext_noop("Letters, digits and _.")
    )
    title: str = Field(default="", title=gettext_noop("Label"), max_length=200)
    title_ko: str = Field(default="", title=gettext_noop("Korean label"), max_length=200)
    type: Kind = Field(
        default="string", title=gettext_noop("Type"), json_schema_extra={"labels": dict(_LABELS)}
    )
    default: str = Field(
        default="",
        title=gettext_noop("Default"),
        max_length=2000,
        description=gettext_noop("In a list with commas between; of yes or no «true» or «false»."),
    )
    choices: list[str] = Field(
        default=[], title=gettext_noop("Choices"), description=gettext_noop("One a line.")
    )
    least: float | None = Field(
        default=None,
        title=gettext_noop("At least"),
        description=gettext_noop("Of a text its length, of a list its number of items."),
    )
    most: float | None = Field(default=None, title=gettext_noop("At most"))
    pattern: str = Field(
        default="",
        title=gettext_noop("Pattern"),
        max_length=500,
        description=gettext_noop("A regular expression that a text must match."),
    )
    description: str = Field(default="", title=gettext_noop("Help"), max_length=500)
    required: bool = Field(default=False, title=gettext_noop("Must be given"))


class Own(BaseModel):
    """The parameters that the pipeline's code declares, whatever they are by then."""

    model_config = ConfigDict(extra="forbid", title=gettext_noop("Those of its pipeline"))

    form: Literal["own"]


class Built(BaseModel):
    """Parameters as rows."""

    model_config = ConfigDict(extra="forbid", title=gettext_noop("Listed here"))

    form: Literal["built"]
    rows: list[Row] = Field(default=[], title=gettext_noop("Parameter"))


class Written(BaseModel):
    """Parameters as JSON Schema."""

    model_config = ConfigDict(extra="forbid", title=gettext_noop("As JSON Schema"))

    form: Literal["written"]
    text: dict[str, Any] = Field(
        title=gettext_noop("JSON Schema"),
        description=gettext_noop("Of an object, in the dialect 2020-12."),
    )


class Asked(BaseModel):
    """What a job asks for when it starts."""

    asks: Annotated[Built | Written, Field(discriminator="form", title=gettext_noop("Parameters"))]


class AskedOfPipeline(BaseModel):
    """The same for a job that may leave it to its pipeline."""

    asks: Annotated[Own | Built | Written, Field(discriminator="form", title=gettext_noop("Parameters"))]


def asked_of(schema: Schema | None) -> dict[str, Any]:
    """Return the form's value: rows where they say all of the schema, else JSON; None is the pipeline's."""
    if schema is None:
        return {"asks": {"form": "own"}}
    rows = [_row(name, part, schema) for name, part in _ordered(schema)]
    built, errors = schema_of(rows)
    same = not errors and (built == _without_words(schema) or not schema.get("properties"))
    if same and set(schema) <= {"type", "properties", "additionalProperties", "required", "x-order", "title"}:
        return {"asks": {"form": "built", "rows": [row.model_dump(exclude_defaults=True) for row in rows]}}
    return {"asks": {"form": "written", "text": dict(schema)}}


def schema_of(rows: list[Row]) -> tuple[dict[str, Any], list[FieldError]]:
    """Return the schema that the rows say, and what is wrong with them by ``INDEX.field``."""
    properties: dict[str, Any] = {}
    errors: list[FieldError] = []
    for index, row in enumerate(rows):
        for name, message in _wrong(row, properties):
            errors.append(FieldError(field=f"{index}.{name}", message=message))
        try:
            properties[row.name] = _property(row)
        except ValueError as error:
            errors.append(FieldError(field=f"{index}.default", message=str(error)))
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "x-order": list(properties),
    }
    if required := [row.name for row in rows if row.required]:
        schema["required"] = required
    return schema, errors


def _wrong(row: Row, before: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not NAME.fullmatch(row.name):
        yield "name", _("A name takes letters, digits and _, and begins with no digit.")
    if row.name in before:
        yield "name", _("There is another parameter with this name.")
    if row.least is not None and row.most is not None and row.least > row.most:
        yield "most", _("It is less than the least.")
    if (row.least is not None or row.most is not None) and row.type not in _LIMITS:
        yield "least", _("Only numbers, texts and lists have limits.")
    if row.pattern and row.type != "string":
        yield "pattern", _("Only a text matches a pattern.")
    if row.choices and row.type in {"boolean", *_FORMATS}:
        yield "choices", _("Texts, numbers and lists have choices.")


def _property(row: Row) -> dict[str, Any]:
    """Return the schema of one parameter; raises ValueError for a default or choice of another type."""
    part: dict[str, Any] = {"type": row.type}
    if row.type in _FORMATS:
        part = {"type": "string", "format": row.type}
    choices = [_value(row.type if row.type != "list" else "string", text) for text in row.choices]
    if row.type == "list":
        part = {"type": "array", "items": {"type": "string"}}
        if choices:
            part["items"]["enum"] = choices
    elif choices:
        part["enum"] = choices
    for word in ("title", "title_ko", "description", "pattern"):
        if text := getattr(row, word):
            part[word] = text
    for word, limit in zip(_LIMITS.get(row.type, ()), (row.least, row.most), strict=False):
        if limit is not None:
            part[word] = int(limit) if float(limit).is_integer() else limit
    if row.default:
        part["default"] = _value(row.type, row.default)
    return part


def _value(kind: str, text: str) -> Any:
    try:
        match kind:
            case "integer":
                return int(text)
            case "number":
                number = float(text)
                return int(number) if number.is_integer() else number
            case "boolean":
                return {"true": True, "false": False}[text.strip().lower()]
            case "list":
                return [each.strip() for each in text.split(",") if each.strip()]
    except (KeyError, ValueError, OverflowError):
        raise ValueError(_("«{text}» does not fit the type.").format(text=text)) from None
    return text


def _ordered(schema: Schema) -> Iterator[tuple[str, Schema]]:
    properties = schema.get("properties") or {}
    listed = [name for name in schema.get("x-order", ()) if name in properties]
    for name in dict.fromkeys([*listed, *properties]):
        yield name, properties[name] if isinstance(properties[name], Mapping) else {}


def _row(name: str, part: Schema, schema: Schema) -> Row:
    """Return a parameter's row; what it cannot say is lost, and found by comparing with what it builds."""
    kind: Any = str(part.get("format") if part.get("format") in _FORMATS else part.get("type", "string"))
    kind = "list" if kind == "array" else kind if kind in _LABELS else "string"
    items = part.get("items") if isinstance(part.get("items"), Mapping) else {}
    least, most = (part.get(word) for word in _LIMITS.get(kind, ("", "")))
    return Row.model_construct(
        name=name,
        type=kind,
        title=str(part.get("title", "")),
        title_ko=str(part.get("title_ko", "")),
        description=str(part.get("description", "")),
        pattern=str(part.get("pattern", "")),
        default=_typed(part.get("default")),
        choices=[str(each) for each in part.get("enum") or (items or {}).get("enum") or []],
        least=least,
        most=most,
        required=name in schema.get("required", ()),
    )


def _typed(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _without_words(schema: Schema) -> dict[str, Any]:
    """Return the schema as rows would build it, if they can: in its order, without a title of its own."""
    names = [name for name, _part in _ordered(schema)]
    kept: dict[str, Any] = {
        "type": "object",
        "properties": {name: schema["properties"][name] for name in names},
        "additionalProperties": schema.get("additionalProperties", True),
        "x-order": names,
    }
    if required := [name for name in names if name in schema.get("required", ())]:
        kept["required"] = required
    return kept
