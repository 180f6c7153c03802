"""Judge the migrations on a server of its own: complete, and safe beside the running version."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django_migration_linter import MigrationLinter

from portal.embedded import servers

APPS = ("accounts", "audit", "catalog", "evidence", "jobs")

# Unique only over columns that the same migration adds: no row of the running version has a value there.
FRESH_UNIQUE = ["0005_schedules_data_and_backfills"]


def main() -> int:
    """Return 0 when the models have their migrations and the linter finds nothing."""
    var = Path(tempfile.mkdtemp(prefix="desk-check-"))
    os.environ.update(servers.start(var, for_tests=True).addresses)
    os.environ.update(MODE="demo", VAR=str(var), DJANGO_SETTINGS_MODULE="portal.settings")
    try:
        django.setup()
        call_command("makemigrations", "--check", "--dry-run", verbosity=1)
        linter = MigrationLinter(
            str(settings.BASE_DIR),
            include_apps=list(APPS),
            # A first migration makes its tables: nothing runs beside it that it could break.
            ignore_name_contains="0001_initial",
            ignore_name=FRESH_UNIQUE,
            analyser_string="postgresql",
            quiet=["ok", "ignore"],
            no_cache=True,
        )
        linter.lint_all_migrations()
        return 1 if linter.has_errors else 0
    finally:
        servers.stop(var)
        shutil.rmtree(var)


if __name__ == "__main__":
    sys.exit(main())
