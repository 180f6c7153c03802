"""A real Airflow 3 on loopback: its own environment, home and SQLite under build/airflow, three processes."""

import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "airflow"
PYTHON = BUILD / "venv" / "bin" / "python"
# One may start DAGs, the other may only look.
PASSWORDS = {"desk": "open sesame", "guest": "only looking"}
# On two cores that others use too.
START = 180.0


class RealAirflow:
    """Start it, wait until it serves and has read its DAGs, and end what was started."""

    def __init__(self) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._home = BUILD / "home"
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._home.mkdir(parents=True, exist_ok=True)
        for left in ("airflow.db", "airflow.db-wal", "airflow.db-shm"):
            (self._home / left).unlink(missing_ok=True)
        (self._home / "passwords.json").write_text(json.dumps(PASSWORDS))
        try:
            self._run("db", "migrate")
            for command in ("api-server", "scheduler", "dag-processor"):
                self._start(command)
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        self._processes.clear()

    def description(self) -> dict[str, Any]:
        """Return the OpenAPI description that this Airflow serves of its API."""
        return self._read("/openapi.json")

    def _wait(self) -> None:
        end = time.monotonic() + START
        while True:
            with suppress(OSError, KeyError):
                ready = self._read("/api/v2/monitor/health")
                parts = (ready["scheduler"]["status"], ready["dag_processor"]["status"])
                if parts == ("healthy", "healthy") and self._knows_dags():
                    return
            gone = [process.args for process in self._processes if process.poll() is not None]
            assert not gone, f"{gone} ended: {self._logs()}"
            assert time.monotonic() < end, f"Airflow did not start in {START} s: {self._logs()}"
            time.sleep(0.5)

    def _knows_dags(self) -> bool:
        body = json.dumps({"username": "desk", "password": PASSWORDS["desk"]}).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/auth/token", body, headers), timeout=10
        ) as answer:
            token = json.load(answer)["access_token"]
        found = self._read("/api/v2/dags", {"Authorization": f"Bearer {token}"})
        return {"load", "paused"} <= {dag["dag_id"] for dag in found["dags"]}

    def _read(self, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, headers=headers or {})
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _run(self, *command: str) -> None:
        with (self._home / "migrate.log").open("wb") as log:
            subprocess.run(
                [PYTHON, "-m", "airflow", *command],
                env=self._environment(),
                stdout=log,
                stderr=log,
                check=True,
            )

    def _start(self, command: str) -> None:
        with (self._home / f"{command}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [PYTHON, "-m", "airflow", command],
                    env=self._environment(),
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in self._home.glob("*.log"))

    def _environment(self) -> dict[str, str]:
        settings = {
            "CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": "desk:user,guest:viewer",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._home / "passwords.json"),
            "CORE__PARALLELISM": "2",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._home / 'airflow.db'}",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": _SECRET,
            "API_AUTH__JWT_SECRET": _SECRET,
            "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "LOGGING__BASE_LOG_FOLDER": str(self._home / "logs"),
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        named = {f"AIRFLOW__{name}": value for name, value in settings.items()}
        return {**kept, **named, "AIRFLOW_HOME": str(self._home), "NO_PROXY": "127.0.0.1"}


_SECRET = secrets.token_hex(32)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
