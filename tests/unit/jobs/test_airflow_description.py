"""What the kind ``airflow_dag`` sends and reads, held against Airflow's own description of its API.

The description comes with Airflow's client for Python, of which nothing else is used. ``tests/contract`` asks
a real Airflow for the description that it serves, and has it run a DAG.
"""

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

from jobs.runners.airflow import _DONE
from jobs.runners.airflow_api import STATES
from jobs.runners.airflow_api import Airflow as Client
from tests.airflow import PASSWORD, USER
from tests.airflow import Airflow as Imitation


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    files = metadata.files("apache-airflow-client") or []
    (path,) = (each.locate() for each in files if each.name == "v2.yaml")
    found: dict[str, Any] = nulls(yaml.load(Path(str(path)).read_text(), yaml.CSafeLoader))
    return found


def nulls(node: Any) -> Any:
    """Say in JSON Schema's words what OpenAPI 3.0 says by ``nullable``."""
    if isinstance(node, list):
        return [nulls(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: nulls(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def operation(described: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    for template, operations in described["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method in operations:
            found: dict[str, Any] = operations[method]
            return found
    pytest.fail(f"Airflow describes no {method} {path}")


def check(described: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": described["components"]}).validate(value)


def properties(described: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = described["components"]["schemas"][name]["properties"]
    return found


def test_each_request_and_answer_is_one_of_airflows(described: dict[str, Any], settings: Any) -> None:
    with Imitation() as imitation:
        settings.OUTGOING_ALLOW = (("127.0.0.1", imitation.port),)
        asking = Client(imitation.url, sign_in={"username": USER, "password": PASSWORD}, patience=5)
        answers = [("DAGResponse", asking.dag("load"))]
        assert asking.trigger("load", "data-desk-x", {"day": "2013-01-01"})
        assert not asking.trigger("load", "data-desk-x", {})
        answers += [("DAGRunResponse", asking.dag_run("load", "data-desk-x") or {})]
        asking.tasks("load", "data-desk-x")
        asking.stop("load", "data-desk-x")
        received = [one for one in imitation.received if one.path != "/auth/token"]
    assert len(received) == 6
    for one in received:
        parts = urlsplit(one.path)
        known = operation(described, one.method.lower(), parts.path)
        taken = {each["name"] for each in known.get("parameters", ()) if each["in"] == "query"}
        assert set(re.findall(r"(\w+)=", parts.query)) <= taken
        if one.body:
            check(
                described, known["requestBody"]["content"]["application/json"]["schema"], json.loads(one.body)
            )
    # The imitation says a part of what Airflow says, and that in the same words.
    for name, answer in answers:
        for field, value in answer.items():
            check(described, properties(described, name)[field], value)


def test_what_we_read_is_what_airflow_answers(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for name, fields in {
        "DAGResponse": {"is_paused"},
        "DAGRunResponse": {"state", "duration"},
        "TaskInstanceCollectionResponse": {"task_instances"},
        "TaskInstanceResponse": {"task_id", "map_index", "state"},
    }.items():
        assert fields <= set(schemas[name]["properties"]), name
    assert set(schemas["DagRunState"]["enum"]) == STATES
    assert set(schemas["TaskInstanceState"]["enum"]) >= _DONE
    answers = described["paths"]["/api/v2/dags/{dag_id}/dagRuns"]["post"]["responses"]
    assert {"200", "401", "403", "404", "409"} <= set(answers)
