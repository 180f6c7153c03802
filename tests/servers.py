"""Pytest plugin: embedded servers for the whole run, started before Django reads its settings.

It is loaded by `-p tests.servers`. The controller starts PostgreSQL and Valkey once in a folder of its own
and hands their addresses on by the environment; xdist's workers inherit it, and each takes its own test
database (by pytest-django), its own schema and folder of the lake and its own prefix in Valkey.
With DATABASE_URL and REDIS_URL set nothing is started and those servers are used (see tests.external).
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from portal import configuration as conf
from portal.embedded import servers
from portal.embedded.process import read_pidfile, remember

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
FOLDERS = "desk-tests-"


def _start() -> Path:
    # A run that was killed left its folder and its servers behind.
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        if (left / "owner").exists() and read_pidfile(left / "owner") is None:
            _remove(left)
    # A short path: the names of sockets have little room.
    var = Path(tempfile.mkdtemp(prefix=FOLDERS))
    remember(os.getpid(), var / "owner")
    os.environ.update(servers.start(var, for_tests=True).addresses)
    os.environ["VAR"] = str(var)
    return var


def _remove(var: Path) -> None:
    servers.stop(var)
    shutil.rmtree(var, ignore_errors=True)


def _separate() -> None:
    """Give this xdist worker its own corner of the shared servers."""
    os.environ["LAKE_SCHEMA"] = f"ducklake_{WORKER}"
    os.environ["LAKE_DATA"] = str(Path(os.environ["VAR"]) / f"lake_{WORKER}")
    os.environ["REDIS_PREFIX"] = f"{os.environ.get('REDIS_PREFIX', 'desk')}-{WORKER}"


STARTED: Path | None = None
os.environ.setdefault("MODE", "demo")
if WORKER:
    _separate()
elif not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
    STARTED = _start()
# Pages name static files by their own names until they are collected; whitenoise only misses the folder.
(conf.var_folder() / "static").mkdir(parents=True, exist_ok=True)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop what this process started."""
    if STARTED is not None:
        _remove(STARTED)
