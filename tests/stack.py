"""Start a whole portal as a stranger does, for browser tests and benchmarks."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
STOP_SECONDS = 60
DEMO_SECONDS = 120
# What tests.servers sets for this process must not reach a portal that is to start its own servers.
FOREIGN = {
    "DATABASE_URL",
    "REDIS_URL",
    "LAKE_URL",
    "LAKE_READER_URL",
    "LAKE_SCHEMA",
    "LAKE_DATA",
    "SECRET_KEY",
}


@dataclass(frozen=True, slots=True)
class Portal:
    """A running portal: where it answers, and the environment its commands need."""

    url: str
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        """Run a management command against it and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_portal(**settings: str) -> Iterator[Portal]:
    """Run the portal in demo mode with servers, web, worker and clock of its own; stop it as Ctrl-C does."""
    folder = Path(tempfile.mkdtemp(prefix="desk-"))
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment |= {"MODE": "demo", "VAR": str(folder / "var"), "MCP_PORT": "0"}
    environment |= {"PORT": str(port), "HOST": "127.0.0.1"}
    environment |= settings
    log = folder / "start.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.launch"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process, log)
        yield Portal(url, environment)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=STOP_SECONDS)
        shutil.rmtree(folder)


def wait_for_demo(portal: Portal) -> int:
    """Wait until the first load and refresh of the demonstration succeeded; return the number of the load."""
    scopes = ("--scope", "jobs:read", "--scope", "catalog:read")
    token = portal.manage("create_token", "dan@example.com", "--name", "waiting", *scopes).split()[-1]
    request = urllib.request.Request(
        f"{portal.url}/api/v1/runs?state=succeeded", headers={"Authorization": f"Bearer {token}"}
    )
    deadline = time.monotonic() + DEMO_SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(request, timeout=10) as answer:
            runs = {run["job"]: int(run["number"]) for run in json.load(answer)["results"]}
        if {"load-flights", "refresh-flight-metrics"} <= set(runs):
            return runs["load-flights"]
        time.sleep(0.5)
    message = f"the demonstration's runs did not succeed within {DEMO_SECONDS} s"
    raise RuntimeError(message)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    message = f"the portal did not start:\n{log.read_text()[-4000:]}"
    raise RuntimeError(message)
