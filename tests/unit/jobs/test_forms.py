from enum import StrEnum
from uuid import uuid4

import pytest
from pydantic import BaseModel, Field

from jobs.forms import ParametersForm, parameters_of


class Airport(StrEnum):
    EWR = "EWR"
    JFK = "JFK"


class Parameters(BaseModel):
    airport: Airport = Field(default=Airport.JFK, title="Airport")
    rows: int = Field(default=5, gt=0, lt=10)
    label: str | None = Field(default=None, max_length=4, description="Shown beside the name.")
    sizes: list[int] = []


SCHEMA = Parameters.model_json_schema()


def form(**entered: object) -> ParametersForm:
    return ParametersForm(
        SCHEMA, {"once": uuid4(), **{f"param-{name}": value for name, value in entered.items()}}
    )


def test_a_pydantic_schema_becomes_fields_in_its_order() -> None:
    kinds = {parameter.name: parameter.kind for parameter in parameters_of(SCHEMA)}
    assert list(kinds.items()) == [
        ("airport", "enum"),
        ("rows", "integer"),
        ("label", "string"),
        ("sizes", "numbers"),
    ]


def test_the_listed_order_outlives_the_database() -> None:
    schema = {"x-order": ["b", "gone", "a"], "properties": {"a": {}, "b": {}, "c": {}}}
    assert [parameter.name for parameter in parameters_of(schema)] == ["b", "a", "c"]


def test_an_optional_value_may_be_left_out() -> None:
    filled = form(airport="JFK", rows="5")
    assert filled.is_valid(), filled.errors
    assert filled.params == {"airport": "JFK", "rows": 5}


def test_exclusive_bounds_hold_for_whole_numbers() -> None:
    assert "param-rows" in form(airport="JFK", rows="0").errors
    assert "param-rows" in form(airport="JFK", rows="10").errors
    assert form(airport="JFK", rows="9").is_valid()


def test_whole_numbers_are_entered_one_a_line_or_as_json() -> None:
    assert "param-sizes" in form(airport="JFK", rows="5", sizes="1, two").errors
    for text in ("[1, 2]", "1\n2", "1, 2"):
        filled = form(airport="JFK", rows="5", sizes=text)
        assert filled.is_valid()
        assert filled.params["sizes"] == [1, 2]


def test_a_choice_of_numbers_stays_a_number() -> None:
    schema = {"type": "object", "properties": {"level": {"enum": [1, 2, None]}}}
    filled = ParametersForm(schema, {"once": uuid4(), "param-level": "2"})
    assert filled.is_valid()
    assert filled.params == {"level": 2}


def test_a_parameter_cannot_shadow_the_forms_own_field() -> None:
    schema = {"type": "object", "properties": {"once": {"type": "string"}}}
    filled = ParametersForm(schema, {"once": uuid4(), "param-once": "mine"})
    assert filled.is_valid()
    assert filled.params == {"once": "mine"}


def test_errors_of_nested_values_go_to_their_field() -> None:
    filled = form(airport="JFK", rows="5", sizes="[1]")
    assert filled.is_valid()
    filled.add_parameter_errors(
        [{"field": "sizes.0", "message": "too small"}, {"field": "", "message": "odd"}]
    )
    assert filled.errors["param-sizes"] == ["too small"]
    assert filled.non_field_errors() == ["odd"]


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": {}}])
def test_a_schema_without_properties_asks_for_nothing(schema: dict[str, object]) -> None:
    assert ParametersForm(schema).rows == []


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"examples": ["sales.orders", "a.b"]}, "This one has: sales.orders"),
        ({}, r"It must match the pattern ^[a-z]+\.[a-z]+$"),
    ],
)
def test_a_text_of_another_form_is_told_by_an_example(own: dict[str, object], told: str) -> None:
    table = {"type": "string", "pattern": r"^[a-z]+\.[a-z]+$", **own}
    filled = ParametersForm({"properties": {"table": table}}, {"once": uuid4(), "param-table": "Orders"})
    assert told in str(filled.errors["param-table"])
