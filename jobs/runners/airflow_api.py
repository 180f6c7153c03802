"""What the kind ``airflow_dag`` asks of Airflow 3: a few calls of its REST API v2, and their errors."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from jobs.choices import ErrorClass
from portal.outgoing import Answer, OutgoingError, call
from portal.said import in_a_row, said, said_of

LARGEST_ANSWER: Final = 8 * 1024 * 1024
# Airflow gives at most so many at a time, whatever is asked for; more than so many pages are not read.
TASKS_A_PAGE: Final = 100
MOST_PAGES: Final = 10
# Of what Airflow says about a refusal, in characters.
LONGEST_DETAIL: Final = 500
STATES: Final = frozenset({"queued", "running", "success", "failed"})
_CREATED: Final = frozenset({200, 201})


class AirflowError(Exception):
    """What Airflow did not do for us; ``status`` is its answer's, 0 where there was none."""

    def __init__(self, message: str, error_class: ErrorClass, status: int = 0) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Say whether a later try may help."""
        return self.error_class == ErrorClass.ELSEWHERE


class Airflow:
    """An Airflow for the length of one body: it signs in once, with the first call."""

    def __init__(self, url: str, *, sign_in: Mapping[str, str], patience: float) -> None:
        """``sign_in`` holds ``token``, or ``username`` and ``password``; patience is in seconds a call."""
        self._url = url.rstrip("/")
        self._sign_in = sign_in
        self._patience = patience
        self._token = sign_in.get("token", "")

    def dag(self, dag_id: str) -> dict[str, Any]:
        """Return what Airflow knows of a DAG."""
        return self._ask("GET", f"/dags/{_part(dag_id)}")

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> bool:
        """Start a DAG run of this id; return False where there is one already."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        try:
            self._ask("POST", f"/dags/{_part(dag_id)}/dagRuns", body)
        except AirflowError as error:
            if error.status == 409:
                return False
            raise
        return True

    def dag_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """Return a DAG run, its state one of STATES; None where Airflow knows none of this id."""
        try:
            found = self._ask("GET", _run_path(dag_id, run_id))
        except AirflowError as error:
            if error.status == 404 and not error.may_pass:
                return None
            raise
        if found.get("state") not in STATES:
            message = said("Airflow answered, but did not say in what state the DAG run is.")
            raise AirflowError(message, ErrorClass.REFUSED)
        return found

    def stop(self, dag_id: str, run_id: str) -> None:
        """Have a DAG run fail now, and with it the tasks that are going."""
        self._ask("PATCH", _run_path(dag_id, run_id), {"state": "failed"})

    def tasks(self, dag_id: str, run_id: str) -> list[tuple[str, str]]:
        """Return the DAG run's tasks with their states; a task without one has not begun."""
        found: list[tuple[str, str]] = []
        for page in range(MOST_PAGES):
            window = f"limit={TASKS_A_PAGE}&offset={page * TASKS_A_PAGE}"
            answer = self._ask("GET", f"{_run_path(dag_id, run_id)}/taskInstances?{window}")
            given = answer.get("task_instances")
            tasks = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
            found += [(_name(task), word(task.get("state") or "")) for task in tasks]
            if len(tasks) < TASKS_A_PAGE:
                break
        return found

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if not self._token:
            self._token = self._get_token()
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._call(method, f"/api/v2{path}", headers, body)
        if not answer.is_success:
            raise _refusal(answer)
        return _document(answer)

    def _get_token(self) -> str:
        answer = self._call("POST", "/auth/token", {}, self._sign_in)
        token = _document(answer).get("access_token") if answer.status in _CREATED else None
        if answer.is_success and not isinstance(token, str):
            message = said("Airflow gave no token for the user and password (POST /auth/token).")
            raise AirflowError(message, ErrorClass.REFUSED)
        if not isinstance(token, str):
            raise _refusal(answer)
        return token

    def _call(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Answer:
        typed = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return call(
                method,
                self._url + path,
                headers={"Accept": "application/json", **typed, **headers},
                body=json.dumps(body, default=str).encode() if body is not None else b"",
                patience=self._patience,
                largest_answer=LARGEST_ANSWER,
            )
        except OutgoingError as error:
            kind = ErrorClass.ELSEWHERE if error.may_heal else ErrorClass.REFUSED
            message = said("Airflow at %(url)s: %(why)s", url=self._url, why=said_of(error))
            raise AirflowError(message, kind) from error


def word(value: object) -> str:
    """Return what another system says as text that the database takes, of bounded length."""
    return str(value).encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:LONGEST_DETAIL]


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"


def _part(text: str) -> str:
    return quote(text, safe="")


def _name(task: Mapping[str, Any]) -> str:
    index = task.get("map_index")
    mapped = f"[{index}]" if isinstance(index, int) and index >= 0 else ""
    return f"{word(task.get('task_id', '?'))}{mapped}"


def _document(answer: Answer) -> dict[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        message = said(
            "What answers at this address does not speak Airflow's REST API v2: is the address right?"
        )
        raise AirflowError(message, ErrorClass.REFUSED)
    return found


def _refusal(answer: Answer) -> AirflowError:
    status = answer.status
    if answer.may_heal:
        message = said("Airflow answered %(status)s.", status=status)
        return AirflowError(message, ErrorClass.ELSEWHERE, status)
    detail = _detail(answer)
    if status == 404 and not detail:
        # A proxy in front of it may know no way to it for a while; of its DAG runs that says nothing.
        message = said("Something else than Airflow answered 404: is the address right, and is Airflow up?")
        return AirflowError(message, ErrorClass.ELSEWHERE, status)
    words = {
        401: said("Airflow does not accept the sign-in (401): mend the user, the password or the token."),
        403: said("Airflow forbids it (403): give its user the right to read and start this DAG."),
        404: said("Airflow does not know it (404)."),
    }
    told = words.get(status) or said("Airflow refused it (%(status)s).", status=status)
    return AirflowError(in_a_row(told, detail) if detail else told, ErrorClass.REFUSED, status)


def _detail(answer: Answer) -> str:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        return ""
    detail = found.get("detail") if isinstance(found, dict) else None
    if detail is None:
        return ""
    return word(detail if isinstance(detail, str) else json.dumps(detail, default=str))
