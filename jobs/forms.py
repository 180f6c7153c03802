"""Make the form of a job's parameters from their JSON Schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.utils.translation import get_language, gettext

from jobs.exceptions import FieldError

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One property of a parameters schema, with references and «or nothing» resolved."""

    name: str
    schema: Schema
    required: bool
    nullable: bool

    @property
    def kind(self) -> str:
        """The JSON type, or the format of a text that has a field of its own."""
        if "enum" in self.schema:
            return "enum"
        form = str(self.schema.get("format", ""))
        return form if form in {"date", "date-time"} else str(self.schema.get("type", "string"))

    def words(self, name: str) -> str:
        """Return the title or description in the reader's language."""
        own = self.schema.get(f"{name}_{get_language()}")
        return str(own or self.schema.get(name) or "")

    @property
    def label(self) -> str:
        """The title, else the name as words."""
        return self.words("title") or self.name.replace("_", " ").capitalize()


def parameters_of(schema: Schema) -> list[Parameter]:
    """Return the properties of an object's schema, in the order that its ``x-order`` lists.

    PostgreSQL keeps the names of a JSON object in an order of its own; only a list stays as written.
    """
    required = set(schema.get("required", ()))
    properties = schema.get("properties") or {}
    listed = [name for name in schema.get("x-order", ()) if name in properties]
    found = []
    for name in dict.fromkeys([*listed, *properties]):
        raw = properties[name]
        resolved, nullable = _resolve(raw, schema)
        found.append(Parameter(name, resolved, name in required, nullable))
    return found


class ParametersForm(forms.Form):
    """Ask for a job's parameters; ``params`` holds them as JSON values once the form is valid.

    ``once`` is made with the form and sent with it as the run's idempotency key, so that a double click or a
    repeated submit starts one run.
    """

    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, schema: Schema, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        initial = {"once": uuid4(), **kwargs.pop("initial", {})}
        super().__init__(data, initial=initial, **kwargs)
        self.parameters = parameters_of(schema)
        for parameter in self.parameters:
            self.fields[self.field_name(parameter.name)] = _field(parameter)

    @staticmethod
    def field_name(parameter: str) -> str:
        """Return the field's name; prefixed, so that no parameter can shadow a field of the form itself."""
        return f"param-{parameter}"

    @property
    def rows(self) -> list[forms.BoundField]:
        """The fields to show, in the schema's order."""
        return [self[self.field_name(parameter.name)] for parameter in self.parameters]

    @property
    def params(self) -> dict[str, Any]:
        """What was entered, as JSON values; what was left empty is left out, so that its default holds."""
        entered: dict[str, Any] = {}
        for parameter in self.parameters:
            value = self.cleaned_data.get(self.field_name(parameter.name))
            if value in {None, ""} if not isinstance(value, list) else not value:
                continue
            entered[parameter.name] = value.isoformat() if isinstance(value, date | datetime) else value
        return entered

    def add_parameter_errors(self, errors: list[FieldError]) -> None:
        """Put what the job's own check said beside the fields it speaks of."""
        names = {parameter.name for parameter in self.parameters}
        for error in errors:
            top = error["field"].split(".")[0]
            self.add_error(self.field_name(top) if top in names else None, error["message"])

    def renew(self) -> None:
        """Make the next submit a new start: what was sent before belongs to another run."""
        data = self.data.copy() if hasattr(self.data, "copy") else dict(self.data)
        data["once"] = str(uuid4())
        self.data = cast("Any", data)


def _resolve(raw: Schema, root: Schema) -> tuple[Schema, bool]:
    """Follow one local reference and take «null» out of a choice; keep the words that stand beside it."""
    schema: dict[str, Any] = dict(raw)
    nullable = False
    for word in ("anyOf", "oneOf", "allOf"):
        options = schema.get(word)
        if not options:
            continue
        real = [option for option in options if option.get("type") != "null"]
        nullable = nullable or len(real) < len(options)
        schema = {**_followed(real[0], root), **{key: value for key, value in schema.items() if key != word}}
    if "$ref" in schema:
        schema = _followed(schema, root)
    if isinstance(schema.get("type"), list):
        nullable = nullable or "null" in schema["type"]
        schema["type"] = next((name for name in schema["type"] if name != "null"), "string")
    if "const" in schema:
        schema["enum"] = [schema["const"]]
    return schema, nullable


def _followed(schema: Schema, root: Schema) -> dict[str, Any]:
    reference = str(schema.get("$ref", ""))
    if not reference.startswith("#/$defs/"):
        return dict(schema)
    target = (root.get("$defs") or {}).get(reference.removeprefix("#/$defs/"), {})
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _field(parameter: Parameter) -> forms.Field:
    schema = parameter.schema
    common: dict[str, Any] = {
        "label": parameter.label,
        "help_text": parameter.words("description"),
        "initial": schema.get("default"),
        "required": parameter.required and not parameter.nullable and "default" not in schema,
    }
    match parameter.kind:
        case "enum":
            return _choice(parameter, common)
        case "boolean":
            return forms.BooleanField(**{**common, "required": False})
        case "integer":
            least = _bound(schema.get("minimum"), schema.get("exclusiveMinimum"), step=1)
            most = _bound(schema.get("maximum"), schema.get("exclusiveMaximum"), step=-1)
            return forms.IntegerField(**common, min_value=least, max_value=most)
        case "number":
            return forms.FloatField(
                **common, min_value=schema.get("minimum"), max_value=schema.get("maximum")
            )
        case "date":
            return forms.DateField(**common, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
        case "date-time":
            moment = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
            return forms.DateTimeField(**common, widget=moment)
        case "array" | "object":
            text = forms.Textarea({"rows": 3, "spellcheck": "false"})
            return forms.JSONField(**common, widget=text)
    return forms.CharField(
        **common, min_length=schema.get("minLength"), max_length=schema.get("maxLength", 2000), strip=True
    )


def _choice(parameter: Parameter, common: dict[str, Any]) -> forms.Field:
    values = [value for value in parameter.schema["enum"] if value is not None]
    kinds = {str(value): value for value in values}
    choices = [(str(value), str(value)) for value in values]
    if not common["required"] and common["initial"] is None:
        choices.insert(0, ("", gettext("Not given")))
    # A choice may be a number or a truth value: it goes back as what the schema lists, not as its text.
    return forms.TypedChoiceField(
        **common, choices=choices, coerce=lambda text: kinds[text], empty_value=None
    )


def _bound(inclusive: float | None, exclusive: float | None, *, step: int) -> int | None:
    """Return the last whole number allowed, whether the bound itself counts or not."""
    if inclusive is not None:
        return int(inclusive)
    return None if exclusive is None else int(exclusive) + step
