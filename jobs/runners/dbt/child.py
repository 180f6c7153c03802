"""The process that dbt runs in: it shuts itself in, and then does what its orders say, one after the other.

Started as ``python -m jobs.runners.dbt.child``. Orders come as lines of JSON; each is answered by one line
that begins with the mark of the first, between the lines of dbt's own log. Secrets come by this way too:
neither its environment nor a file ever holds one.
"""

import importlib
import json
import sys
import threading
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from portal.warehouse.confining import confine


def main() -> None:
    """Take up orders until there are no more."""
    # dbt runs its nodes in threads; locks between processes would start a program to clean up after them.
    for name in ("Lock", "RLock"):
        setattr(BaseContext, name, staticmethod(getattr(threading, name)))
    # What this loads is installed, not the project's; shut in, it could not even keep the compiled modules.
    dbt, lake = (importlib.import_module(name) for name in ("dbt.cli.main", "jobs.runners.dbt.lake"))
    first = _order()
    confine(read=[Path(each) for each in first["read"]], write=[Path(each) for each in first["write"]])
    child = Child(first, runner=dbt.dbtRunner, lake=lake)
    child.answer(child.parse())
    for work in (child.command, child.export):
        child.answer(work(_order()))


class Child:
    """dbt with one project and one database, from the first order to the last."""

    def __init__(self, first: dict[str, Any], *, runner: Callable[..., Any], lake: Any) -> None:
        self._mark: str = first["mark"]
        self._flags: list[str] = first["flags"]
        self._selection: list[str] = first["selection"]
        self._listing: list[str] = first["listing"]
        self._runner, self._lake = runner, lake
        self._manifest: Any = None

    def answer(self, found: dict[str, Any]) -> None:
        """Write an answer as one line."""
        sys.stdout.write(f"{self._mark}{json.dumps(found)}\n")
        sys.stdout.flush()

    def parse(self) -> dict[str, Any]:
        """Read the project, write its manifest, and say which nodes are selected."""
        parsed = self._invoke("parse", [])
        if not parsed.success:
            return {"error": _words(parsed)}
        self._manifest = parsed.result
        listed = self._invoke("ls", [*self._selection, *self._listing, "--output", "json", "--quiet"])
        if not listed.success:
            return {"error": _words(listed)}
        return {"selected": [json.loads(line)["unique_id"] for line in listed.result or ()]}

    def command(self, order: dict[str, Any]) -> dict[str, Any]:
        """Run the command; what single nodes came to stands in dbt's own files."""
        self._lake.Session.opening.extend(order["opening"])
        done = self._invoke(order["command"], [*self._selection, *order["options"]])
        return {"success": bool(done.success), "error": _words(done)}

    def export(self, order: dict[str, Any]) -> dict[str, Any]:
        """Write the finished tables into files."""
        self._lake.export(order["export"])
        return {"success": True}

    def _invoke(self, command: str, options: list[str]) -> Any:
        return self._runner(manifest=self._manifest).invoke([command, *self._flags, *options])


def _order() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    found: dict[str, Any] = json.loads(line)
    return found


def _words(result: Any) -> str:
    return str(result.exception).strip() if result.exception else ""


if __name__ == "__main__":
    main()
