"""An Airflow 3 on this machine, as far as we ask it: the few calls of its REST API v2, over real HTTP.

``tests/contract`` holds what it answers against Airflow's own description, and runs the kind against the real
one.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from tests.receiver import Received, Receiver

USER, PASSWORD, TOKEN = "desk", "open sesame", "token-of-the-desk"


class Airflow:
    """DAGs and their runs; ``broken`` replaces the next answers but the sign-in's by these statuses."""

    def __init__(self) -> None:
        self.dags: dict[str, dict[str, Any]] = {"load": {"dag_id": "load", "is_paused": False}}
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.tasks: dict[str, str | None] = {"extract": None, "publish": None}
        self.broken: list[int] = []
        self.pages: list[str] = []
        self.down = False
        self.token = TOKEN
        # A trigger is carried out, and its answer gets lost, or waits.
        self.deaf = False
        # A trigger gets lost on its way.
        self.lost = False
        self.triggered, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()
        # Cleared it says nothing to anybody.
        self.serving = threading.Event()
        self.serving.set()
        self._receiver = Receiver()
        self._receiver.behave = self._answer

    def __enter__(self) -> Self:
        self._receiver.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self.serving.set()
        self._receiver.__exit__()

    @property
    def port(self) -> int:
        return int(self._receiver.port)

    @property
    def url(self) -> str:
        return self._receiver.url("").rstrip("/")

    @property
    def received(self) -> list[Received]:
        return self._receiver.received

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(one.method, one.path) for one in self._receiver.received]

    def bodies(self, method: str) -> list[Any]:
        return [
            json.loads(one.body)
            for one in self._receiver.received
            if one.method == method and one.path != "/auth/token"
        ]

    @property
    def run(self) -> dict[str, Any]:
        (only,) = self.runs.values()
        return only

    def end(self, state: str, **tasks: str) -> None:
        self.run["state"] = state
        self.tasks |= tasks

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        got = self._receiver.received[-1]
        self.serving.wait(30)
        if self.down:
            return
        if self.pages and got.path != "/auth/token":
            body = self.pages.pop(0).encode()
            handler.send_response(404)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        if self.broken and got.path != "/auth/token":
            _send(handler, self.broken.pop(0), {"detail": "of the moon"})
            return
        if self.lost and got.method == "POST" and got.path.endswith("/dagRuns"):
            return
        status, document = self._carry_out(got.method, got.path, got.body, got.headers)
        if got.method == "POST" and got.path.endswith("/dagRuns"):
            self.triggered.set()
            self.may_answer.wait(30)
            if self.deaf:
                return
        _send(handler, status, document)

    def _carry_out(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        if (method, path) == ("POST", "/auth/token"):
            right = json.loads(body) == {"username": USER, "password": PASSWORD}
            return (201, {"access_token": self.token}) if right else (401, {"detail": "Invalid credentials"})
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"detail": "Invalid JWT token"}
        match method, [unquote(part) for part in urlsplit(path).path.split("/")[1:]]:
            case "GET", ["api", "v2", "dags", dag]:
                found = self.dags.get(dag)
                return (200, found) if found else (404, {"detail": f"The Dag with ID: `{dag}` was not found"})
            case "POST", ["api", "v2", "dags", dag, "dagRuns"]:
                return self._trigger(dag, json.loads(body))
            case _, ["api", "v2", "dags", dag, "dagRuns", run, *rest] if (dag, run) in self.runs:
                return self._of_run(self.runs[dag, run], method, rest, body)
        return 404, {"detail": "Not Found"}

    def _of_run(self, run: dict[str, Any], method: str, rest: list[str], body: bytes) -> tuple[int, Any]:
        if rest == ["taskInstances"]:
            tasks = [{"task_id": key, "state": state, "map_index": -1} for key, state in self.tasks.items()]
            return 200, {"task_instances": tasks, "total_entries": len(tasks)}
        if method == "PATCH":
            run["state"] = json.loads(body)["state"]
        return 200, run

    def _trigger(self, dag: str, body: dict[str, Any]) -> tuple[int, Any]:
        if dag not in self.dags:
            return 404, {"detail": f"Dag with dag_id: '{dag}' not found"}
        if body.keys() - {"dag_run_id", "logical_date", "conf"} or body["logical_date"] is not None:
            return 422, {"detail": "extra"}
        key = (dag, body["dag_run_id"])
        if key in self.runs:
            return 409, {"detail": {"reason": "Unique constraint violation"}}
        self.runs[key] = {"dag_id": dag, "state": "queued", "duration": None, **body}
        return 200, self.runs[key]


def _send(handler: BaseHTTPRequestHandler, status: int, document: Any) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
