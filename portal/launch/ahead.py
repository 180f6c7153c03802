"""Load everything once after an installation, so that Python keeps it compiled.

`python -m portal.launch.ahead` does it. Otherwise each process of the first start would compile the same
modules, and keep the memory that this took.
"""

import os
from importlib import import_module

import django

from portal.launch.copies import SHARED

# What the supervisor, the preparation, web, worker with its bodies, clock and MCP server load.
LOADED = (
    "portal.launch.__main__",
    "portal.launch.prepare",
    "django.core.management.commands.migrate",
    *SHARED,
    "gunicorn.workers.gthread",
    "celery.__main__",
    "celery.bin.celery",
    "jobs.engine.inline",
    "jobs.management.commands.clock",
    "holidays.countries",
    "portal.mcp.__main__",
    "uvicorn.protocols.http.h11_impl",
    "duckdb",
)


# Settings want addresses; nothing here asks a database or a broker.
NOWHERE = {
    "MODE": "demo",
    "VAR": "build/var",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def main() -> None:
    """Load it all."""
    os.environ |= NOWHERE | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    django.setup()
    for name in LOADED:
        import_module(name)


if __name__ == "__main__":
    main()
