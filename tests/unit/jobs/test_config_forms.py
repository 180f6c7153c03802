"""Any kind's configuration model becomes a form, and what is entered becomes its value."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from django.http import QueryDict
from pydantic import BaseModel, Field, ValidationError

from jobs.complaints import complaints
from jobs.config_forms import SchemaForm
from jobs.differences import differences, joined
from jobs.lists import rearranged


class Mode(StrEnum):
    FULL = "full"
    APPEND = "append"


class Column(BaseModel):
    """A column, told to those who read code."""

    name: str
    length: int | None = Field(default=None, ge=1)


class FileSource(BaseModel):
    type: Literal["file"]
    path: str = Field(title="Path")
    separator: str = Field(default=",", max_length=1)


class ApiSource(BaseModel):
    type: Literal["api"]
    url: str
    headers: dict[str, str] = {}
    pages: int = Field(default=1, ge=1, le=100)


class Retry(BaseModel):
    times: int = 3


class Config(BaseModel):
    source: Annotated[FileSource | ApiSource, Field(discriminator="type")]
    mode: Mode = Mode.FULL
    keys: list[str] = []
    columns: list[Column] = []
    sql: str = Field(default="", json_schema_extra={"widget": "sql"})
    strict: bool = True
    ratio: float = 0.5
    retry: Retry | None = None
    extra: dict[str, Any] = {}


def form(entered: dict[str, str]) -> SchemaForm:
    data = QueryDict(mutable=True)
    data.update(entered)
    return SchemaForm(Config.model_json_schema(), path="config", data=data)


FILE = {"config.source:choice": "file", "config.source.file.path": "/data/x.csv", "config.mode": "append"}


def test_each_type_has_a_control_that_fits_it() -> None:
    shown = SchemaForm(Config.model_json_schema(), path="config")
    shapes = {node.path: node.shape for node in shown.root.children}
    assert shapes["config.source"] == "choice"
    assert shapes["config.columns"] == "list"
    assert shapes["config.retry"] == "maybe"
    widgets = {name: type(field.widget).__name__ for name, field in shown.fields.items()}
    assert widgets["config.mode"] == "Select"
    assert widgets["config.strict"] == "CheckboxInput"
    assert (
        widgets["config.keys"] == widgets["config.sql"] == widgets["config.source.api.headers"] == "Textarea"
    )
    assert shown.fields["config.source.api.pages"].widget.attrs["max"] == 100
    labels = [node.label for node in shown.root.children]
    assert labels[:3] == ["Source", "Mode", "Keys"]
    assert "told to those who read code" not in str([node.help for node in shown.root.children])


def test_what_is_entered_fits_the_model() -> None:
    filled = form(
        {
            **FILE,
            "config.source.file.separator": "\t",
            "config.keys": "a\n b \n",
            "config.columns:list": "2",
            "config.columns.0.name": "id",
            "config.columns.1.name": "amount",
            "config.columns.1.length": "4",
            "config.ratio": "0.25",
            "config.retry:maybe": "on",
            "config.retry.times": "5",
            "config.extra": '{"a": [1]}',
        }
    )
    assert filled.is_valid(), filled.errors
    assert filled.value == {
        "source": {"type": "file", "path": "/data/x.csv", "separator": "\t"},
        "mode": "append",
        "keys": ["a", "b"],
        "columns": [{"name": "id"}, {"name": "amount", "length": 4}],
        "strict": False,
        "ratio": 0.25,
        "retry": {"times": 5},
        "extra": {"a": [1]},
    }
    assert Config.model_validate(filled.value).columns[1].length == 4


def test_what_belongs_to_a_choice_that_was_not_taken_is_passed_over() -> None:
    filled = form({**FILE, "config.source.api.pages": "many", "config.retry.times": "x"})
    assert filled.is_valid(), filled.errors
    assert filled.value["source"] == {"type": "file", "path": "/data/x.csv"}
    assert "retry" not in filled.value
    assert not form({**FILE, "config.source:choice": "api", "config.source.api.pages": "many"}).is_valid()


def test_a_stored_value_fills_the_form_and_comes_out_the_same() -> None:
    value = {
        "source": {"type": "api", "url": "https://x", "headers": {"A": "b: c"}, "pages": 2},
        "columns": [{"name": "id", "length": 3}],
        "retry": {"times": 1},
    }
    shown = SchemaForm(Config.model_json_schema(), path="config", value=value)
    source, columns, retry = (shown.root.children[index] for index in (0, 3, 7))
    assert (source.chosen, columns.chosen, retry.chosen) == ("api", "1", "on")
    sent = {
        name: str(shown[name].value())
        for name in shown.fields
        if shown[name].value() not in (None, "") and name != "config.strict"
    }
    controls = {each.name: each.chosen for each in (source, columns, retry)}
    again = form({**sent, **controls, "config.strict": "on"})
    assert again.is_valid(), again.errors
    assert Config.model_validate(again.value) == Config.model_validate(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"source": {"type": "file"}}, "config.source.file.path"),
        ({"source": {"type": "api", "url": "x", "pages": 0}}, "config.source.api.pages"),
        (
            {"source": {"type": "api", "url": "x"}, "columns": [{"name": "a", "length": 0}]},
            "config.columns.0.length",
        ),
        ({"source": {"type": "api", "url": "x"}, "ratio": "much"}, "config.ratio"),
        ({"source": {"type": "api", "url": "x"}, "retry": {"times": "x"}}, "config.retry.times"),
    ],
)
def test_what_pydantic_says_finds_its_field(value: dict[str, Any], place: str) -> None:
    entered = {
        "config.source:choice": value["source"]["type"],
        "config.columns:list": "1",
        "config.retry:maybe": "on",
    }
    filled = form(entered)
    filled.is_valid()
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(value)
    before = len(filled.errors.get(place, []))
    assert filled.complain(complaints(caught.value, "config")) == []
    assert len(filled.errors[place]) == max(before, 1), "what the form said itself is not said twice"


def test_what_speaks_of_the_whole_stands_by_the_part_it_speaks_of() -> None:
    filled = form(FILE)
    filled.is_valid()
    left = filled.complain(
        [
            {"field": "config.columns", "message": "too many"},
            {"field": "config", "message": "one of the two"},
            {"field": "config.nothing.here", "message": "no such"},
            {"field": "other", "message": "elsewhere"},
        ]
    )
    columns = filled.root.children[3]
    assert columns.errors == ["too many"]
    assert filled.root.errors == ["one of the two", "nothing.here: no such"]
    assert [error["field"] for error in left] == ["other"]
    assert filled.faulty


@pytest.mark.parametrize(
    "count", ["-1", "x", "100000", pytest.param("9" * 5000, id="thousands of digits"), "²", ""]
)
def test_a_count_that_was_tampered_with_makes_no_list(count: str) -> None:
    filled = form({**FILE, "config.columns:list": count})
    assert filled.is_valid(), filled.errors
    assert "columns" not in filled.value


@pytest.mark.parametrize(
    "do",
    [
        *("", "save", "add", "remove config.columns", "remove config.columns 9", "add ../x"),
        *(
            pytest.param(f"{word} config.columns {'9' * 5000}", id=f"{word} thousands of digits")
            for word in ("remove", "up", "down")
        ),
    ],
)
def test_a_button_that_says_nothing_known_breaks_nothing(do: str) -> None:
    data = QueryDict(mutable=True)
    data.update({"config.columns:list": "1", "config.columns.0.name": "a", "do": do})
    changed = rearranged(data)
    assert changed is None or changed["config.columns.0.name"] == "a"


def test_a_name_with_a_number_beyond_all_lists_stays() -> None:
    data = QueryDict(mutable=True)
    far = f"config.columns.{'9' * 5000}.name"
    data.update({"config.columns:list": "2", "config.columns.0.name": "a", "config.columns.1.name": "b"})
    data.update({far: "c", "do": "remove config.columns 0"})
    changed = rearranged(data)
    assert changed is not None
    assert (changed["config.columns.0.name"], changed[far]) == ("b", "c")


class TestDifferences:
    BASE = {"key": "k", "timeout": 1, "config": {"sql": "SELECT 1\nFROM x", "mode": "full"}, "after": ["a"]}

    def test_fields_are_compared_by_their_paths(self) -> None:
        after = {**self.BASE, "config": {"sql": "SELECT 2\nFROM x"}, "after": ["a", "b"]}
        found = {each.name: each for each in differences(self.BASE, after)}
        assert set(found) == {"config.sql", "config.mode", "after"}
        assert found["config.sql"].lines == [("-", "SELECT 1"), ("+", "SELECT 2"), (" ", "FROM x")]
        assert (found["config.mode"].before, found["config.mode"].after) == ("full", "")
        assert found["after"].after == "a, b"

    def test_two_edits_are_joined_field_by_field(self) -> None:
        theirs = {**self.BASE, "timeout": 2, "config": {"sql": "SELECT 1\nFROM y", "mode": "full", "new": 1}}
        mine = {**self.BASE, "timeout": 3, "config": {"sql": "SELECT 1\nFROM x"}, "after": []}
        result, clashes = joined(self.BASE, theirs, mine)
        assert result == {"timeout": 3, "config": {"sql": "SELECT 1\nFROM y", "new": 1}, "after": []}
        assert [(each.name, each.before, each.theirs, each.mine) for each in clashes] == [
            ("timeout", "1", "2", "3")
        ]

    def test_the_same_change_twice_is_no_clash(self) -> None:
        changed = {**self.BASE, "timeout": 2}
        result, clashes = joined(self.BASE, changed, changed)
        assert (result["timeout"], clashes) == (2, [])

    def test_an_object_that_one_emptied_and_one_changed(self) -> None:
        base = {"parameters_schema": None}
        mine = {"parameters_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
        assert joined(base, base, mine)[0] == mine
        assert joined(mine, {"parameters_schema": {}}, {**mine, "timeout": 1})[0] == {
            "parameters_schema": {},
            "timeout": 1,
        }
