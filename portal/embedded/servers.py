"""Start and stop the embedded servers of one VAR; write their addresses for portal.configuration."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from portal.configuration import EMBEDDED_FILE
from portal.embedded.places import Places
from portal.embedded.postgres import Postgres
from portal.embedded.process import lock, write_private
from portal.embedded.valkey import Valkey

START_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Started:
    """What `start` did: the addresses by variable name, and the servers that it had to start."""

    addresses: dict[str, str]
    fresh: tuple[str, ...]


def start(
    var: Path,
    *,
    database: bool = True,
    broker: bool = True,
    for_tests: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Started:
    """Start or adopt the servers under VAR; a second caller waits for the first, then finds them running."""
    places = Places(var).ready()
    addresses: dict[str, str] = {}
    fresh: list[str] = []
    with _one_at_a_time(var, say):
        if database:
            postgres = Postgres(places, for_tests=for_tests)
            if postgres.start():
                fresh.append("PostgreSQL")
            addresses["DATABASE_URL"] = postgres.url("datadesk")
            addresses["LAKE_URL"] = postgres.url("lake")
            addresses["LAKE_READER_URL"] = postgres.url("lake_reader")
        if broker:
            valkey = Valkey(places)
            if valkey.start():
                fresh.append("Valkey")
            addresses["REDIS_URL"] = valkey.url
        lines = "".join(f"{name}={value}\n" for name, value in addresses.items())
        write_private(
            var / EMBEDDED_FILE, f"# Addresses of the embedded servers, written at each start.\n{lines}"
        )
    return Started(addresses, tuple(fresh))


def stop(var: Path) -> None:
    """Stop whichever of the embedded servers of this VAR run; their data stays."""
    if not var.is_dir():
        return
    places = Places(var)
    with _one_at_a_time(var, lambda line: None):
        Valkey(places).stop()
        Postgres(places).stop()


def _one_at_a_time(var: Path, say: Callable[[str], None]) -> AbstractContextManager[None]:
    return lock(
        var / "embedded.lock",
        seconds=START_PATIENCE,
        waiting=lambda holder: say(f"Waiting for {holder}, which is starting the servers here."),
        busy=lambda holder: (
            f"{holder} has been starting the servers in {var} for {START_PATIENCE:.0f} seconds."
        ),
    )
