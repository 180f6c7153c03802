"""Make a form from a JSON Schema with objects within objects: the configuration of a kind of job.

The schema becomes a tree of nodes, which a template draws; its leaves are fields of one flat Django form,
named by their dotted paths, which are also the paths that pydantic gives to errors. The form works without
JavaScript: adding to a list and taking from it are submits, and what belongs to a choice is shown by a style
rule.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django import forms
from django.forms.utils import ErrorDict
from django.http import QueryDict
from django.utils.translation import gettext as _

from jobs.exceptions import FieldError
from jobs.field_choices import CHOICES, SUGGESTIONS, choice_of, tool_of
from jobs.fields import JsonField, LongTextField, NullsField, PairsField, SuggestingInput
from jobs.form_parts import Node
from jobs.forms import Parameter, Schema, field_of, resolve
from jobs.lists import MOST_ITEMS, number_in
from portal.accounts.models import User

# Deeper than any form that people fill in; what lies further down is written as JSON.
DEEPEST: Final = 5
# Long texts, by the name that ``json_schema_extra={"widget": …}`` gives them, with their rows.
LONG_TEXTS: Final = {"sql": 14, "condition": 2, "text": 4, "markdown": 10}
LONGEST: Final = 100_000


class SchemaForm(forms.Form):
    """Ask for a value that fits the schema of an object; ``root`` is the tree, ``value`` what was entered.

    ``value`` leaves out what was left empty, so that its default holds. With ``quiet`` what was typed is
    shown again without being judged. Choices that not everybody may know of are those of the ``reader``.
    """

    use_required_attribute = False

    def __init__(
        self,
        schema: Schema,
        *,
        path: str,
        value: Mapping[str, Any] | None = None,
        data: QueryDict | None = None,
        quiet: bool = False,
        reader: User | None = None,
    ) -> None:
        super().__init__(data)
        self._reader = reader
        self._schema = schema
        self._quiet = quiet
        self._idle: set[str] = set()
        self.root = self._group(schema, path, value or {}, depth=0)
        for node in _leaves(self.root):
            node.leaf = self[node.path]

    def full_clean(self) -> None:
        """Judge what was entered, except what stands in or beside a choice that was not taken."""
        if self._quiet:
            self._errors = ErrorDict()
            self.cleaned_data: dict[str, Any] = {}
            return
        super().full_clean()
        if not self.is_bound:
            return
        unseen = {node.path for node in _leaves(self.root) if not self._is_shown(node)}
        for name in (self._idle | unseen).intersection(self._errors or {}):
            del self._errors[name]

    @property
    def value(self) -> dict[str, Any]:
        """What was entered, as JSON values."""
        entered = self._entered(self.root)
        return entered if isinstance(entered, dict) else {}

    @property
    def faulty(self) -> bool:
        """Whether a field or a part as a whole is marked."""
        return bool(self.errors) or any(node.errors for _path, node in _places(self.root))

    def complain(self, errors: list[FieldError]) -> list[FieldError]:
        """Put errors beside the fields and groups they speak of; return those that speak of nothing here.

        What is marked already needs no second word.
        """
        places, marked = dict(_places(self.root)), set(self.errors)
        left = []
        for error in errors:
            path = error["field"]
            while path and path not in places:
                path = path.rpartition(".")[0]
            path = _within(places, path, error["field"])
            if path in marked:
                continue
            if not path or path in self._idle:
                left.append(error)
            elif places[path].shape == "leaf":
                self.add_error(path, error["message"])
            else:
                told = error["field"].removeprefix(path).strip(".")
                places[path].errors.append(f"{told}: {error['message']}" if told else error["message"])
        return left

    def _build(self, raw: Schema, path: str, name: str, value: Any, *, required: bool, depth: int) -> Node:
        options = [each for each in raw.get("anyOf") or raw.get("oneOf") or () if each.get("type") != "null"]
        schema, nullable = resolve(raw, self._schema)
        parameter = Parameter(name, schema, required, nullable)
        if len(options) > 1:
            several = [resolve(each, self._schema)[0] for each in options]
            if depth >= DEEPEST or not all("properties" in each for each in several):
                return self._leaf(Parameter(name, _json(raw), required, nullable), path, value)
            return self._choice(raw, options, parameter, path, value, depth=depth)
        if depth < DEEPEST and schema.get("type") == "object" and "properties" in schema:
            return self._object(parameter, path, value, depth=depth)
        items = schema.get("items")
        if depth < DEEPEST and isinstance(items, Mapping) and _is_rich(items, self._schema):
            return self._list(parameter, items, path, value, depth=depth)
        return self._leaf(parameter, path, value)

    def _group(self, schema: Schema, path: str, value: Any, *, depth: int, skip: str = "") -> Node:
        required = set(schema.get("required", ()))
        inside = value if isinstance(value, Mapping) else {}
        properties = schema.get("properties") or {}
        names = dict.fromkeys([*(n for n in schema.get("x-order", ()) if n in properties), *properties])
        children = [
            self._build(
                properties[name],
                f"{path}.{name}",
                name,
                inside.get(name),
                required=name in required,
                depth=depth + 1,
            )
            for name in names
            if name != skip
        ]
        for child in children:
            for other, values in (properties[child.path.rpartition(".")[2]].get("when") or {}).items():
                child.beside, child.beside_values = f"{path}.{other}", " ".join(values)
            child.fold = properties[child.path.rpartition(".")[2]].get("fold", "")
        return Node("group", path, children=children)

    def _object(self, parameter: Parameter, path: str, value: Any, *, depth: int) -> Node:
        label, help_text = parameter.label, parameter.words("description")
        if not (parameter.nullable or ("default" in parameter.schema and not parameter.required)):
            group = self._group(parameter.schema, path, value, depth=depth)
            group.label, group.help = label, help_text
            return group
        maybe = Node("maybe", path, label, help_text)
        given = value if value is not None else parameter.schema.get("default")
        maybe.chosen = self._said(maybe.name, "on" if given is not None else "")
        before = set(self.fields)
        maybe.children = [self._group(parameter.schema, path, given, depth=depth)]
        self._leave_idle(before, idle=maybe.chosen != "on")
        return maybe

    def _list(self, parameter: Parameter, items: Schema, path: str, value: Any, *, depth: int) -> Node:
        node = Node("list", path, parameter.label, parameter.words("description"))
        given = value if isinstance(value, list) else []
        count = int(self._said(node.name, str(len(given))))
        for index in range(count):
            inside = given[index] if index < len(given) else None
            part = self._build(items, f"{path}.{index}", "", inside, required=True, depth=depth)
            part.key = str(index)
            node.children.append(part)
        node.chosen = str(count)
        node.keeps_empty = _keeps_empty(parameter)
        return node

    def _choice(
        self,
        raw: Schema,
        options: list[Schema],
        parameter: Parameter,
        path: str,
        value: Any,
        *,
        depth: int,
    ) -> Node:
        tag = str((raw.get("discriminator") or {}).get("propertyName", ""))
        node = Node("choice", path, Parameter(parameter.name, raw, True, False).label, tag=tag)
        node.help = Parameter(parameter.name, raw, True, False).words("description")
        offered = [(self._key(each, tag), resolve(each, self._schema)[0]) for each in options]
        usual = "" if parameter.nullable and value is None else _fitting(offered, value, tag)
        node.chosen = self._said(node.name, usual)
        if parameter.nullable:
            node.children.append(Node("group", f"{path}.", label=_("Nothing")))
        for key, schema in offered:
            before = set(self.fields)
            inside = value if key == usual else None
            group = self._group(schema, f"{path}.{key}", inside, depth=depth, skip=tag)
            group.key, group.help = key, ""
            group.label = Parameter(key, schema, True, False).label
            self._leave_idle(before, idle=key != node.chosen)
            node.children.append(group)
        return node

    def _leaf(self, parameter: Parameter, path: str, value: Any) -> Node:
        made = _field(parameter, self._reader, value)
        if value is not None:
            made.initial = value
        self.fields[path] = made
        usual, tool = parameter.schema.get("default"), tool_of(parameter.schema.get("widget"), self._reader)
        return Node(
            "leaf", path, parameter.label, tool=tool, keeps_empty=_keeps_empty(parameter), usual=usual
        )

    def _said(self, name: str, usual: str) -> str:
        """Return what a control between the fields says; a count that is none is the usual one."""
        if not self.is_bound:
            return usual
        said = str(self.data.get(name, ""))
        if name.endswith(":list"):
            count = number_in(said)
            return said if count is not None and count <= MOST_ITEMS else "0"
        return said

    def _leave_idle(self, before: set[str], *, idle: bool) -> None:
        if idle:
            self._idle |= set(self.fields) - before

    def _key(self, option: Schema, tag: str) -> str:
        """Return what pydantic calls this option in the path of an error: its tag, else its name."""
        schema = resolve(option, self._schema)[0]
        marked = (schema.get("properties") or {}).get(tag) or {}
        if "const" in marked:
            return str(marked["const"])
        return str(option.get("$ref", "")).rpartition("/")[2] or str(schema.get("title", ""))

    def _entered(self, node: Node) -> Any:
        match node.shape:
            case "leaf":
                value = self.cleaned_data.get(node.path)
                empty = value in (None, "", {}) or (value == [] and not node.keeps_empty)
                return None if empty else _plain(value)
            case "list":
                items = [self._entered(each) for each in node.children]
                return items if items or node.keeps_empty else None
            case "choice":
                chosen = next((each for each in node.children if each.key == node.chosen), None)
                if chosen is None or not chosen.key:
                    return None
                inside = self._entered(chosen)
                return {**({node.tag: chosen.key} if node.tag else {}), **inside}
            case "maybe":
                return self._entered(node.children[0]) if node.chosen == "on" else None
        shown = [each for each in node.children if self._is_shown(each)]
        pairs = ((each.path.rpartition(".")[2], self._entered(each)) for each in shown)
        return {name: value for name, value in pairs if value is not None}

    def _is_shown(self, node: Node) -> bool:
        """Say whether the choice beside which a part stands is taken; nobody sees what stands in it else."""
        return not node.beside or self.cleaned_data.get(node.beside) in node.beside_values.split(" ")


def _field(parameter: Parameter, reader: User | None, value: Any) -> forms.Field:
    schema = parameter.schema
    widget = schema.get("widget")
    common: dict[str, Any] = {
        "label": parameter.label,
        "help_text": parameter.words("description"),
        "initial": schema.get("default"),
        "required": parameter.must_be_given,
    }
    if widget in LONG_TEXTS:
        area = forms.Textarea({"rows": LONG_TEXTS[widget], "spellcheck": "false", "class": "code"})
        return LongTextField(**common, widget=area, max_length=schema.get("maxLength", LONGEST))
    if widget == "nulls":
        return NullsField(**common)
    if widget in SUGGESTIONS:
        line = SuggestingInput(SUGGESTIONS[widget](reader), {"spellcheck": "false", "autocomplete": "off"})
        return forms.CharField(**common, max_length=schema.get("maxLength"), widget=line)
    if widget in CHOICES:
        return choice_of(CHOICES[widget](reader), value, several=schema.get("type") == "array", **common)
    if schema.get("type") == "object" and (schema.get("additionalProperties") or {}) == {"type": "string"}:
        common["help_text"] = common["help_text"] or _("One pair a line, such as «name: text».")
        return PairsField(**common)
    plain = schema.keys() & {"type", "enum"} and schema.get("type") not in {"object", "array"}
    if plain or parameter.kind in {"words", "choices", "numbers"}:
        return field_of(parameter)
    return JsonField(**common, widget=forms.Textarea({"rows": 4, "spellcheck": "false", "class": "code"}))


def _keeps_empty(parameter: Parameter) -> bool:
    return bool(parameter.schema.get("default")) or (parameter.required and not parameter.nullable)


def _is_rich(items: Schema, root: Schema) -> bool:
    """Say whether the items of a list are objects, which take a form of their own each."""
    options = items.get("anyOf") or items.get("oneOf") or [items]
    return all("properties" in resolve(each, root)[0] for each in options)


def _fitting(offered: list[tuple[str, Schema]], value: Any, tag: str) -> str:
    """Return the key of the option that the value was made for; the first one where there is no value."""
    if isinstance(value, Mapping):
        if tag:
            # Written before there was a choice, it says no tag and is of the first kind.
            return str(value.get(tag) or offered[0][0])
        for key, schema in offered:
            known = set(schema.get("properties", {}))
            if set(schema.get("required", ())) <= set(value) <= known:
                return key
    return offered[0][0]


def _json(raw: Schema) -> Schema:
    """Return the schema as one of any value, with the words that stand beside it."""
    return {name: raw[name] for name in raw if name in {"title", "description", "default"}}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else json.loads(json.dumps(value))


def _within(places: Mapping[str, Node], path: str, field: str) -> str:
    """Return the part of a choice that an error speaks of without naming what was chosen."""
    node, rest = places.get(path), field.removeprefix(path)
    inner = f"{path}.{node.chosen}{rest}" if node is not None and node.shape == "choice" and rest else path
    return inner if inner in places else path


def _leaves(node: Node) -> Iterator[Node]:
    if node.shape == "leaf":
        yield node
    for each in node.children:
        yield from _leaves(each)


def _places(node: Node) -> Iterator[tuple[str, Node]]:
    # A group that may be left out stands at the same path as the group within; the outer one shows errors.
    for each in node.children:
        yield from _places(each)
    yield node.path, node
