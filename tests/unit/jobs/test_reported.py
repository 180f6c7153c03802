"""What a body tells its supervisor: entries that are larger together than one message may be, odd numbers."""

import json
from typing import Any

import pytest

from jobs.engine import report
from jobs.engine.report import Report


def told(*messages: dict[str, Any]) -> Report:
    heard = Report()
    heard.feed("".join(f"{json.dumps(message)}\n" for message in messages).encode())
    return heard


def entry(**values: Any) -> dict[str, Any]:
    return {"type": "entry", "output": "refreshed", "entry": values}


def test_entries_make_a_list_larger_than_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MESSAGE_BYTES", 1000)
    drawn = [entry(key=f"metric-{number}", svg="x" * 900) for number in range(50)]
    heard = told(*drawn, {"type": "result", "outputs": {"snapshot": 7}})
    assert (heard.failure, heard.outputs and heard.outputs["snapshot"]) == (None, 7)
    assert heard.outputs is not None
    assert [each["key"] for each in heard.outputs["refreshed"]] == [f"metric-{n}" for n in range(50)]


def test_even_entries_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LARGEST_OUTPUTS", 1000)
    heard = told(*[entry(text="x" * 300)] * 4, {"type": "result", "outputs": {}})
    assert heard.failure is not None
    assert "larger than 256 MB" in heard.failure.message


def test_numbers_that_are_none_are_kept_as_null() -> None:
    outputs = {"mean": float("nan"), "parts": [1.5, float("inf")], "text": "NaN"}
    heard = told(
        {"type": "progress", "fraction": float("nan"), "note": "half"}, {"type": "result", "outputs": outputs}
    )
    assert heard.outputs == {"mean": None, "parts": [1.5, None], "text": "NaN"}
    assert heard.progress == {"fraction": None, "note": "half"}
