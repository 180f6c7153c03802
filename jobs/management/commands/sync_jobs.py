"""``manage.py sync_jobs``: bring the jobs into step with their files (JOBS_FOLDER, JOBS_GIT_URL)."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from jobs.actions.files import sync
from jobs.checkout import CheckoutFailed, newest
from portal.audit.actions import Actor


class Command(BaseCommand):
    """Say what was made, changed and switched off; exit 1 where a file is faulty."""

    help = "Make, change and switch off jobs as the files of a folder define them."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the folder."""
        given = "default: JOBS_FOLDER, or the newest commit of JOBS_GIT_URL"
        parser.add_argument("folder", nargs="?", default=settings.JOBS_FOLDER, help=given)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Synchronise once."""
        folder = options["folder"]
        if not folder and settings.JOBS_GIT_URL:
            try:
                checkout = newest()
            except CheckoutFailed as error:
                raise CommandError(str(error)) from error
            self.stdout.write(f"commit {checkout.commit}")
            folder = str(checkout.folder)
        if not folder:
            raise CommandError("name a folder, or set JOBS_FOLDER or JOBS_GIT_URL")
        synced = sync(folder=folder, by=Actor.system("terminal"))
        for name in ("created", "changed", "switched_off"):
            for key in getattr(synced, name):
                self.stdout.write(f"{name.replace('_', ' ')}: {key}")
        self.stdout.write(f"unchanged: {len(synced.unchanged)}")
        if synced.faults:
            raise CommandError("\n".join(map(str, synced.faults)))
