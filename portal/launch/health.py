"""Probes: /livez says that the process answers, /readyz whether it can do its work."""

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.queue import wakeup_lag
from portal.accounts.permissions import Permission
from portal.launch.leaving import Leaving

OK: Final = "ok"
PATIENCE: Final = 0.5


class NotReadyError(Exception):
    """A part does not work; the message is for administrators."""


@login_not_required
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer from this process alone, so that nobody restarts it because a database is away."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when pages work (without a broker: `degraded`), else 503; details for administrators."""
    parts = {name: _state(check) for name, check in CHECKS.items()}
    failed = {name for name, state in parts.items() if state["state"] != OK}
    down = bool(failed - OPTIONAL)
    answer: dict[str, object] = {"status": "down" if down else "degraded" if failed else OK}
    if "database" not in failed and _is_administrator(request):
        answer["parts"] = parts
        answer["wakeup_lag"] = round(wakeup_lag(timezone.now()), 3)
    return JsonResponse(answer, status=503 if down else 200)


def _state(check: Callable[[], None]) -> dict[str, object]:
    started = time.perf_counter()
    try:
        check()
        state = OK
    except (DatabaseError, redis.RedisError, OSError, NotReadyError) as error:
        state = str(error).partition("\n")[0] or type(error).__name__
    return {"state": state, "milliseconds": round((time.perf_counter() - started) * 1000, 1)}


def _is_administrator(request: HttpRequest) -> bool:
    # Without a session cookie nobody is asked for: a probe costs no session query.
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return False
    return bool(request.user.is_authenticated and request.user.may(Permission.MANAGE_PEOPLE))


def _staying() -> None:
    if Leaving.asked:
        raise NotReadyError("this process was told to stop")


def _database() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = %s", [int(PATIENCE * 1000)])
        cursor.execute("SELECT 1")


@cache
def _migrations() -> None:
    # Asked until it is true once: a process never sees its own migrations undone.
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        message = f"{len(waiting)} migrations are not applied"
        raise NotReadyError(message)


def _broker() -> None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
    ) as client:
        client.ping()


def _lake() -> None:
    if "://" in settings.LAKE_DATA:
        return
    folder = Path(settings.LAKE_DATA)
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"the lake's folder {folder} cannot be written"
        raise NotReadyError(message)


CHECKS: Final[dict[str, Callable[[], None]]] = {
    "process": _staying,
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "lake": _lake,
}
# Runs start without a broker too: workers look into the database themselves.
OPTIONAL: Final = frozenset({"broker"})
