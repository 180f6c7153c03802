"""/api/schema/: the description for machines."""

import pytest
from drf_spectacular.validation import validate_schema

from portal.api.reference import groups
from portal.api.schema import METHODS, document

OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, item in document()["paths"].items()
    for method, operation in item.items()
    if method in METHODS
]


def test_it_is_valid_openapi():
    validate_schema(document())


def test_it_holds_the_versioned_addresses_only():
    assert document()["paths"]
    assert all(path.startswith("/api/v1/") for path in document()["paths"])


def test_each_parameter_says_what_it_means():
    given = [
        (endpoint.path, each)
        for group in groups()
        for endpoint in group.endpoints
        for each in endpoint.parameters
    ]
    assert [(path, each.name) for path, each in given if not each.description] == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_call_names_its_scope_its_token_and_its_problems(operation):
    assert operation["x-required-scope"]
    assert operation["security"] == [{"token": []}]
    assert operation["tags"]
    assert operation.get("summary") or operation.get("description")
    assert {"401", "403", "429", "500"} <= set(operation["responses"])
    for status, response in operation["responses"].items():
        if status >= "400":
            assert list(response["content"]) == ["application/problem+json"]
        elif status not in {"204", "304"}:
            # A file comes as its bytes, everything else as JSON.
            assert set(response["content"]) & {"application/json", "application/octet-stream"}


def test_a_known_tag_spares_the_body(client, cast):
    client.force_login(cast.dan)
    first = client.get("/api/schema/")
    again = client.get("/api/schema/", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/schema/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_stranger_gets_a_problem(client, db):
    response = client.get("/api/schema/")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
