"""Read the policy table and the URL resolver, and say what the table promises."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@cache
def table() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "policy.yaml").read_text())
    return loaded


@cache
def resolved() -> dict[str, URLPattern]:
    """Every route of the URL resolver by name."""
    return {str(pattern.name): pattern for pattern in _walk(get_resolver())}


def _walk(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _walk(entry)
        else:
            yield entry


@dataclass(frozen=True)
class Rule:
    """What one method of a route promises."""

    who: tuple[str, ...]
    tokens: tuple[str, ...]
    first: bool
    only: tuple[str, ...]
    gives: Any
    send: dict[str, Any] | None
    json: dict[str, Any] | None


@dataclass(frozen=True)
class Route:
    """One line of the table."""

    name: str
    open: bool
    api: bool
    object: str
    rules: dict[str, Rule]

    @property
    def kinds(self) -> dict[str, list[str]]:
        return table()["objects"][self.object] if self.object else {"": table()["people"]}

    def expected(self, method: str, principal: str, kind: str) -> Any:
        """Return the promised outcome as a word or a status."""
        rule = self.rules.get(method)
        if rule is None:
            return "refused"
        if self.open:
            return rule.gives
        if self.api:
            return self._of_api(rule, principal, kind)
        if principal not in table()["people"]:
            return "login"
        if rule.first and principal not in rule.who:
            return 403
        if principal not in self.kinds[kind]:
            return 404
        return rule.gives if principal in rule.who else 403

    def _of_api(self, rule: Rule, principal: str, kind: str) -> Any:
        if principal in rule.who:
            return rule.gives
        token = table()["tokens"].get(principal)
        if token is None or token.get("dead"):
            return 401
        if principal not in rule.tokens:
            return 403
        if token["owner"] not in self.kinds[kind]:
            return 404
        # Which kind of object the one job of a token is.
        of_one_job = any(scope.startswith("jobs:run:") for scope in token["scopes"])
        return 403 if of_one_job and rule.only and kind not in rule.only else rule.gives


@cache
def routes() -> dict[str, Route]:
    return {name: _route(name, line) for name, line in table()["routes"].items()}


def _route(name: str, line: dict[str, Any]) -> Route:
    merged = {**table()["groups"].get(line.get("as"), {}), **line}
    return Route(
        name=name,
        open=merged.get("open", False),
        api=merged.get("api", False),
        object=merged.get("object", ""),
        rules={method: _rule(merged[method]) for method in METHODS if method in merged},
    )


def _rule(given: dict[str, Any]) -> Rule:
    who = given.get("who", [])
    return Rule(
        who=tuple(table()["lists"][who] if isinstance(who, str) else who),
        tokens=tuple(given.get("tokens", [])),
        first=given.get("first", False),
        only=tuple(given.get("only", [])),
        gives=given["gives"],
        send=given.get("send"),
        json=given.get("json"),
    )


def principals() -> list[str]:
    return ["anonymous", *table()["people"], *table()["tokens"]]
