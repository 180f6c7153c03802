"""Gunicorn's configuration: a few processes with eight threads each, loaded once and then forked."""

import gc
import logging
import os
from pathlib import Path
from typing import Any

from django.db import connections
from gunicorn.glogging import Logger

from portal import configuration as conf
from portal.launch.accepting import DRAIN
from portal.launch.handed import LISTEN, RELOAD

_dev = os.environ.get(RELOAD) == "1"

wsgi_app = "portal.wsgi:application"
# The supervisor opens the port and hands it on, so that it stays ours while the web restarts.
bind = os.environ.get(LISTEN) or f"{conf.text('HOST', '127.0.0.1')}:{conf.integer('PORT', 8000, most=65535)}"
workers = 1 if _dev else conf.integer("WEB_PROCESSES", 2, least=1, most=64)
worker_class = "portal.launch.accepting.AcceptingWorker"
threads = 8
# More than these wait in the port's queue: with the files of a process they stay below the usual 1,024.
worker_connections = 500
# The application starts no thread when it is imported (see jobs/engine/wake.py), so forking it is safe.
preload_app = not _dev
reload = _dev
timeout = 60
graceful_timeout = 30 + DRAIN
# A new connection for each request goes to the process that is free; one kept open would wait for a busy one.
keepalive = 0
max_requests = 0 if _dev else 20_000
max_requests_jitter = 2_000
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat file, unnamed
control_socket_disable = True
proc_name = "data-desk-web"


class logger_class(Logger):  # type: ignore[misc]  # noqa: N801 - the name of a setting
    """Gunicorn's events join the others; the lines for requests are django-structlog's."""

    access_log_enabled = False

    def setup(self, cfg: Any) -> None:
        """Leave logging as Django has set it up, in this process or in the one that this is a copy of."""
        self.error_log.propagate = True
        # What it says for debugging holds whole addresses, and with them keys that open something.
        self.error_log.setLevel(logging.INFO)


def when_ready(server: Any) -> None:
    """Leave what was loaded out of garbage collections, which would read and copy its pages for nothing."""
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """Give each process database connections of its own; without preloading there are none to give up."""
    if preload_app:
        connections.close_all()
