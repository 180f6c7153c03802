"""Health checks for a process manager: `python -m portal.launch.probe web|worker|clock` exits 0 or 1.

A worker or clock is healthy when it wrote to the database lately, whatever its process looks like. Small on
purpose: a check that loads the whole application every ten seconds would be the heaviest user of the machine.
"""

import http.client
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

import psycopg2

from portal import configuration as conf
from portal.launch.screen import complain

SILENCE: Final = 30
WORKER: Final = "SELECT max(polled_at) > now() - %s * interval '1 second' FROM jobs_worker WHERE host = %s"
CLOCK: Final = "SELECT max(ticked_at) > now() - %s * interval '1 second' FROM jobs_clock"


def web() -> bool:
    """Ask the web process on this machine whether it is ready."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", conf.integer("PORT", 8000, least=1, most=65535), timeout=4
    )
    # By the name that is answered: the health check comes from inside.
    host = (
        conf.text("ALLOWED_HOSTS", "127.0.0.1").split(",")[0].lstrip(".*")
        or urlsplit(conf.text("PUBLIC_URL")).netloc
    )
    with closing(connection):
        connection.request("GET", "/readyz", headers={"Host": host})
        return connection.getresponse().status == http.HTTPStatus.OK


def worker() -> bool:
    """Return whether a worker of this machine looked for work lately."""
    return _ask(WORKER, SILENCE, socket.gethostname())


def clock() -> bool:
    """Return whether a clock ticked lately."""
    return _ask(CLOCK, SILENCE)


def _ask(question: str, *parameters: object) -> bool:
    with (
        closing(
            psycopg2.connect(conf.servers(conf.var_folder()).database_url, connect_timeout=4)
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(question, parameters)
        row = cursor.fetchone()
    return bool(row and row[0])


PROBES: Final[dict[str, Callable[[], bool]]] = {"web": web, "worker": worker, "clock": clock}


def main() -> int:
    """Run the probe that is named."""
    probe = PROBES.get(sys.argv[-1])
    if probe is None:
        complain(f"name one of {', '.join(PROBES)}.")
        return 2
    try:
        healthy = probe()
    except (OSError, http.client.HTTPException, psycopg2.Error, conf.ConfigurationError) as error:
        complain(" ".join(str(error).split()))
        return 1
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
