"""Make the form of a job's parameters from their JSON Schema."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import uuid4

from django import forms
from django.core.validators import RegexValidator
from django.forms.fields import InvalidJSONInput
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from jobs.exceptions import FieldError
from jobs.fields import LinesField, NumbersField

Schema = Mapping[str, Any]

# A text field with a shorter limit takes blanks as they are: a separator may be a tab.
SHORT: Final = 3


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
        if self.schema.get("type") == "array":
            return self._kind_of_list
        form = str(self.schema.get("format", ""))
        return form if form in {"date", "date-time"} else str(self.schema.get("type", "string"))

    @property
    def _kind_of_list(self) -> str:
        items = self.schema.get("items")
        if not isinstance(items, Mapping):
            return "array"
        if items.get("type") == "integer" and "enum" not in items:
            return "numbers"
        if items.get("type", "string") != "string":
            return "array"
        return "choices" if "enum" in items else "words" if "type" in items else "array"

    def said(self, texts: list[str]) -> Any:
        """Return the value that an address says, as the field shows it first."""
        match self.kind:
            case "boolean":
                return texts[-1].lower() in {"true", "on", "1"}
            case "words" | "choices" | "numbers":
                return texts
            case "array" | "object":
                # Shown as it is written: as a value it would be quoted once more.
                return InvalidJSONInput(texts[-1])
        return texts[-1]

    def words(self, name: str) -> str:
        """Return the title or description in the reader's language."""
        own = self.schema.get(f"{name}_{get_language()}")
        text = str(self.schema.get(name) or "")
        # A title that our own code gives may stand in its catalog of translations.
        return str(own or (gettext(text) if text else ""))

    @property
    def must_be_given(self) -> bool:
        """Whether it may not stay empty; ``needed`` says so of what its model can only judge as a whole."""
        usual = self.required and not self.nullable and "default" not in self.schema
        return usual or bool(self.schema.get("needed"))

    @property
    def label(self) -> str:
        """The title, else the name as words."""
        words = self.name.replace("_", " ")
        title = self.words("title")
        # What pydantic makes of a name by itself is no title that anybody chose.
        return words.capitalize() if title in {"", words.title()} else title


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
        resolved, nullable = resolve(raw, schema)
        found.append(Parameter(name, resolved, name in required, nullable))
    return found


class NumberField(forms.FloatField):
    """A number; a whole one is shown without «.0»."""

    def prepare_value(self, value: Any) -> Any:
        """Return what stands in the field."""
        return int(value) if isinstance(value, float) and value.is_integer() else value


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
            self.fields[self.field_name(parameter.name)] = field_of(parameter)

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
            if value == [] and parameter.schema.get("default"):
                entered[parameter.name] = value
            if value in (None, "", []):
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


def resolve(raw: Schema, root: Schema) -> tuple[Schema, bool]:
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
    if isinstance(schema.get("items"), Mapping):
        schema["items"] = _followed(schema["items"], root)
    return schema, nullable


def _followed(schema: Schema, root: Schema) -> dict[str, Any]:
    reference = str(schema.get("$ref", ""))
    if not reference.startswith("#/$defs/"):
        return dict(schema)
    name = reference.removeprefix("#/$defs/")
    target = dict((root.get("$defs") or {}).get(name, {}))
    # A class's name and docstring are for those who read its code.
    if target.get("title") == name:
        target.pop("title")
        target.pop("description", None)
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def field_of(parameter: Parameter) -> forms.Field:
    """Return the form field that asks for a parameter."""
    schema = parameter.schema
    common: dict[str, Any] = {
        "label": parameter.label,
        "help_text": parameter.words("description"),
        "initial": schema.get("default"),
        "required": parameter.must_be_given,
    }
    match parameter.kind:
        case "enum":
            return _choice(parameter, common)
        case "boolean":
            return forms.BooleanField(**{**common, "required": False})
        case "integer" | "number":
            return _number(parameter, common)
        case "words" | "choices" | "numbers":
            return _list(parameter, common)
        case "date":
            return forms.DateField(**common, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
        case "date-time":
            return forms.DateTimeField(**common, widget=moment_input())
        case "array" | "object":
            text = forms.Textarea({"rows": 3, "spellcheck": "false"})
            return forms.JSONField(**common, widget=text)
    return _text(schema, common)


def moment_input() -> forms.DateTimeInput:
    """Return the control of a moment: with its seconds, which the next save would else take away."""
    return forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S")


def _text(schema: Schema, common: dict[str, Any]) -> forms.Field:
    most = schema.get("maxLength", 2000)
    pattern = schema.get("pattern")
    matches = []
    if pattern:
        matches.append(RegexValidator(re.compile(pattern), _unlike(pattern, schema)))
    return forms.CharField(
        **common,
        min_length=schema.get("minLength"),
        max_length=most,
        strip=most > SHORT,
        validators=matches,
    )


def _unlike(pattern: str, schema: Schema) -> str:
    """Say that a text does not match: by an example where the schema has one."""
    for example in schema.get("examples", ()):
        text = gettext("It does not have the form that is asked for. This one has: {example}")
        return text.format(example=example)
    return gettext("It must match the pattern {pattern}").format(pattern=pattern)


def _number(parameter: Parameter, common: dict[str, Any]) -> forms.Field:
    schema = parameter.schema
    if parameter.kind == "number":
        return NumberField(**common, min_value=schema.get("minimum"), max_value=schema.get("maximum"))
    least = _bound(schema.get("minimum"), schema.get("exclusiveMinimum"), step=1)
    most = _bound(schema.get("maximum"), schema.get("exclusiveMaximum"), step=-1)
    return forms.IntegerField(**common, min_value=least, max_value=most)


def _list(parameter: Parameter, common: dict[str, Any]) -> forms.Field:
    if parameter.kind == "choices":
        choices = [(str(value), str(value)) for value in parameter.schema["items"]["enum"]]
        return forms.MultipleChoiceField(**common, choices=choices, widget=forms.CheckboxSelectMultiple)
    lines = NumbersField if parameter.kind == "numbers" else LinesField
    return lines(**{**common, "help_text": common["help_text"] or _("One a line.")})


def _choice(parameter: Parameter, common: dict[str, Any]) -> forms.Field:
    values = [value for value in parameter.schema["enum"] if value is not None]
    kinds = {str(value): value for value in values}
    labels = parameter.schema.get("labels") or {}
    shown = {name: gettext(words) for name, words in labels.items()}
    choices = [(str(value), shown.get(str(value), str(value))) for value in values]
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
