"""The authorisation policy, route by route: the tests are made from policy.yaml and the URL resolver."""

import json
import re
from itertools import product

import pytest
from django.core.cache import cache
from django.db import transaction

from tests.security.policy import METHODS, principals, resolved, routes, table

LOGIN = "/account/login/"


def case(name, method):
    return pytest.param(name, method, id=f"{name}-{method}")


CASES = [case(name, method) for name, route in routes().items() for method in route.rules]


def test_every_route_stands_in_the_table():
    assert set(resolved()) - set(routes()) == set(), "new routes need a line in policy.yaml"


def test_every_line_of_the_table_is_a_route():
    assert set(routes()) - set(resolved()) == set(), "these lines of policy.yaml speak of no route"


def test_no_route_is_without_a_name_or_shares_one():
    assert "None" not in resolved()


def send(world, principal, method, route, kind, **kwargs):
    """Send one request; what it changed is rolled back, so that every case meets the same world."""
    rule = route.rules.get(method)
    client = world.client(principal)
    url = world.url(route, kind)
    # Limits are not the policy: every case counts from zero.
    cache.clear()
    with transaction.atomic():
        if rule and rule.json is not None:
            body = json.dumps(rule.json)
            response = client.generic(method, url, data=body, content_type="application/json", **kwargs)
        elif method == "POST":
            response = client.post(url, data=(rule.send if rule else None) or {}, **kwargs)
        else:
            response = client.generic(method, url, **kwargs)
        if response.streaming:
            # An open file is closed by reading it to its end.
            b"".join(response.streaming_content)
        transaction.set_rollback(True)
    return response


def outcome(response, expected):
    """Return the words and numbers that this answer could be called."""
    status = response.status_code
    names = {status}
    location = response.get("Location", "")
    to_login = status == 302 and location.startswith(LOGIN)
    if status == 200:
        names |= {"shown", "done"}
    if status in {201, 202, 204}:
        names.add("done")
    if status == 302:
        names.add("login" if to_login else "done")
    if status in {200, 302} and expected in {"entrance", "farewell", "left"}:
        names.add(expected)
    if status in {200, 503}:
        names.add("health")
    if status in {401, 403, 404, 405} or to_login:
        names.add("refused")
    return names


@pytest.mark.parametrize(("name", "method"), CASES)
def test_a01_the_policy_holds(world, name, method):
    route = routes()[name]
    wrong = []
    for principal, kind in product(principals(), route.kinds):
        expected = route.expected(method, principal, kind)
        response = send(world, principal, method, route, kind)
        if expected not in outcome(response, expected):
            wrong.append(
                f"{method} {world.url(route, kind)} by {principal}: "
                f"{response.status_code} {response.get('Location', '')}, the table says {expected}"
            )
    assert wrong == []


@pytest.mark.parametrize("name", list(routes()))
def test_a02_methods_outside_the_table_are_refused(world, name):
    route = routes()[name]
    kind = next(iter(route.kinds))
    for principal in ("anonymous", "cleo", "token_read"):
        for method in METHODS:
            if method in route.rules or (method == "HEAD" and "GET" in route.rules):
                continue
            response = send(world, principal, method, route, kind)
            assert "refused" in outcome(response, "refused"), (
                f"{method} {name} by {principal}: {response.status_code}"
            )


def told_apart(response, world, route, kind):
    """Return an answer without what must differ: the address itself, ids and one-time values.

    Both objects' ids are taken out: a small one also stands in a drawing's width, on either page.
    """
    body = response.content.decode()
    for each in (kind, "missing"):
        body = body.replace(world.url(route, each), "…")
    for each in (kind, "missing"):
        for value in world.kwargs(route, each).values():
            body = re.sub(rf"(?<![\w.]){re.escape(str(value))}(?![\w.])", "…", body)
    body = re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]+', "", body)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "", body)


WITH_OBJECTS = [
    case(name, method)
    for name, route in routes().items()
    if route.object and not route.open
    for method in route.rules
]


@pytest.mark.parametrize(("name", "method"), WITH_OBJECTS)
def test_a01_foreign_and_missing_read_the_same(world, name, method):
    route = routes()[name]
    compared = 0
    for principal in principals():
        for kind in route.kinds:
            if kind == "missing" or route.expected(method, principal, kind) != 404:
                continue
            foreign = send(world, principal, method, route, kind)
            missing = send(world, principal, method, route, "missing")
            assert (foreign.status_code, foreign["Content-Type"]) == (404, missing["Content-Type"])
            assert told_apart(foreign, world, route, kind) == told_apart(missing, world, route, kind)
            compared += 1
    owners = {table()["tokens"][token]["owner"] for token in route.rules[method].tokens}
    # Whoever may edit jobs sees all of them: to such a token no object is foreign.
    sees_all = bool(owners) and owners <= set(table()["lists"]["see_all"])
    # Of those who may some see everything: tests/api/test_job_definitions.py tries the others.
    exempt = route.object in {"delivery", "job_kind", "person", "pool", "secret", "team"} or route.rules[
        method
    ].tokens == ("token_write",)
    assert compared or sees_all or exempt, "no foreign object was tried"


SPELLINGS = ("{}/", "{}.json", "{}?format=json", "{};x", "{}%2f", "/{}", "{}..%2f", "{}?_method=GET")


@pytest.mark.parametrize(
    "name", [name for name, route in routes().items() if route.object and "GET" in route.rules]
)
def test_a02_other_spellings_of_an_address_open_nothing(world, name):
    route = routes()[name]
    for kind in route.kinds:
        if "ada" in route.kinds[kind] or route.open:
            continue
        url = world.url(route, kind)
        for spelling in (*SPELLINGS, "upper"):
            spelt = url.upper() if spelling == "upper" else spelling.format(url)
            response = world.client("ada").get(spelt, follow=True)
            assert response.status_code in {400, 401, 403, 404}, f"{spelt}: {response.status_code}"
