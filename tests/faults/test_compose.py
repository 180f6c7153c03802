"""docker-compose.yml without an engine: each service of ours is started natively with its own environment."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.embedded import servers
from portal.embedded.process import wait_until
from tests.stack import FOREIGN, ROOT, free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("compose")]

GIVEN = {
    "SECRET_KEY": "s" * 60,
    "POSTGRES_PASSWORD": "p",
    "DATABASE_PASSWORD": "d",
    "LAKE_PASSWORD": "l",
    "LAKE_READER_PASSWORD": "r",
}
SERVICES = ("web", "worker", "clock")


def compose() -> dict[str, Any]:
    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        assert name in GIVEN or default is not None, f"{name} has neither default nor value"
        return GIVEN.get(name) or default or ""

    text = re.sub(
        r"\$\{(?P<name>[A-Z_]+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}",
        value,
        (ROOT / "docker-compose.yml").read_text(),
    )
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of the services, with addresses of servers that run here; prepared as by compose."""
    var = tmp_path_factory.mktemp("compose")
    addresses = servers.start(var, for_tests=True).addresses
    outside = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    declared = {name: str(value) for name, value in compose()["services"]["web"]["environment"].items()}
    assert addresses.keys() <= declared.keys(), "compose names every server"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"VAR": str(var / "var"), "HOST": "127.0.0.1", "PORT": str(free_port()), "PATH": path}
    (var / "var").mkdir()
    made = outside | declared | addresses | own
    try:
        prepared = run(compose()["services"]["prepare"]["command"], made)
        assert prepared.returncode == 0, prepared.stderr
        yield made
    finally:
        servers.stop(var)


def run(command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def check(service: str, environment: dict[str, str]) -> int:
    kind, *command = compose()["services"][service]["healthcheck"]["test"]
    assert kind == "CMD"
    return run(command, environment).returncode


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_healthy_while_it_works_and_not_after(
    service: str, environment: dict[str, str], tmp_path: Path
) -> None:
    assert check(service, environment) == 1, "nothing runs yet"
    command = compose()["services"][service]["command"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        healthy = wait_until(lambda: check(service, environment) == 0, seconds=60)
        assert healthy, (tmp_path / "log").read_text()[-3000:]
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, (tmp_path / "log").read_text()[-3000:]
        grace = int(compose()["services"][service]["stop_grace_period"].removesuffix("s"))
        assert time.monotonic() - started < grace
        assert wait_until(lambda: check(service, environment) == 1, seconds=45)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_preparing_twice_changes_nothing(environment: dict[str, str]) -> None:
    again = run(compose()["services"]["prepare"]["command"], environment)
    assert again.returncode == 0, again.stderr
    assert "up to date" in again.stdout


def test_no_service_of_ours_is_root_or_may_write_its_code() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    assert re.search(r"^USER (?!root)\w+$", stages[-1], re.MULTILINE)
    assert "apt-get" not in stages[-1], "no compilers in the image that runs"
    for name in (*SERVICES, "prepare"):
        service = compose()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert not service.get("privileged")


def test_every_variable_is_explained_and_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{([A-Z_]+)", text))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == example
    for name in used:
        if "PASSWORD" in name or "SECRET" in name:
            assert f"${{{name}:-" not in text


def test_databases_and_broker_are_reached_from_no_other_machine() -> None:
    for name, service in compose()["services"].items():
        for port in service.get("ports", []):
            assert name in {"web", "mcp"}
            assert port.startswith("127.0.0.1:")


def test_the_mcp_server_is_given_no_secret() -> None:
    given = compose()["services"]["mcp"]["environment"]
    assert not [name for name in given if "SECRET" in name or "DATABASE" in name or "LAKE" in name]


def test_an_unknown_probe_is_an_error(environment: dict[str, str]) -> None:
    asked = run([sys.executable, "-m", "portal.launch.probe", "nobody"], environment)
    assert asked.returncode == 2
    assert "web, worker, clock" in asked.stderr
