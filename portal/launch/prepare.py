"""Bring database, texts and files up to date before anything serves: `python -m portal.launch.prepare`.

The same for `make run` and for the one-shot service of docker-compose.yml. Everything asks first whether
there is something to do, so that a second start costs a second.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from portal.configuration import ConfigurationError, Mode
from portal.embedded.process import private_folder, write_private
from portal.launch.screen import complain, step
from portal.ui.translations import compile_catalogs

# Any number will do, as long as nobody else locks with it: "desk" in ASCII.
MIGRATING = 0x6465736B
# Pages use none of the files that these bring.
UNUSED_STATIC = ("rest_framework", "admin")


def prepare() -> dict[str, str]:
    """Do what is missing and return what the welcome has to tell."""
    # A restored backup may have opened to others what runs and people keep there.
    private_folder(Path(settings.VAR))
    with _one_at_a_time():
        _migrate()
        _texts()
        _static()
        # By path: models can be imported only after django.setup().
        import_string("jobs.actions.housekeeping.register_system_jobs")()
        import_string("requests_app.actions.defaults.ensure_defaults")()
        if "://" not in settings.LAKE_DATA:
            private_folder(Path(settings.LAKE_DATA))
        if settings.MODE is Mode.DEMO:
            with step("Demo people, jobs and metrics"):
                call_command("load_demo", verbosity=0)
            return {}
        return _first_administrator()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one machine prepare while the others wait; the database's lock ends with the connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    known = set(executor.loader.disk_migrations)
    ours = {label for label, _ in known}
    newer = [
        f"{app}.{name}"
        for app, name in executor.loader.applied_migrations
        if app in ours and (app, name) not in known
    ]
    if newer:
        message = (
            f"DATABASE_URL leads to the database of a newer release (it has {newer[0]}): run that release."
        )
        raise ConfigurationError(message)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    with step("Database") as current:
        if waiting:
            call_command("migrate", interactive=False, verbosity=0)
        current.note = f"{len(waiting)} migrations" if waiting else "up to date"


def _texts() -> None:
    with step("Translations") as current:
        compiled = compile_catalogs()
        current.note = f"{compiled} compiled" if compiled else "up to date"


def _static() -> None:
    with step("Static files") as current:
        collected = collect_static()
        current.note = "collected" if collected else "up to date"


def collect_static() -> bool:
    """Collect, hash and compress the static files where one of them changed; return whether it was needed."""
    stamp = Path(settings.STATIC_ROOT) / ".stamp"
    wanted = _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=list(UNUSED_STATIC))
    write_private(stamp, wanted)
    return True


def _fingerprint() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in finders.get_finders():
        for name, storage in finder.list(list(UNUSED_STATIC)):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name} {found.st_mtime_ns} {found.st_size}\n".encode())
    return digest.hexdigest()


def _first_administrator() -> dict[str, str]:
    # By path: models can be imported only after django.setup().
    link = import_string("portal.accounts.actions.bootstrap.first_administrator_link")()
    return {"first_administrator": link} if link else {}


def main() -> int:
    """Prepare, and write the result as JSON into the descriptor that was given as argument."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        django.setup()
        result = prepare()
    except (ConfigurationError, CommandError) as error:
        complain(str(error))
        return 1
    except OperationalError as error:
        complain(f"DATABASE_URL: {' '.join(str(error).split())}")
        return 1
    if len(sys.argv) > 1:
        with os.fdopen(int(sys.argv[1]), "w") as answer:
            json.dump(result, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
