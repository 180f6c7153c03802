"""``manage.py follow <run>``: print a run's log until it ends; the exit code tells the end."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from jobs.management.following import follow, run_of


class Command(BaseCommand):
    """Print what the run has written, what it writes, and how it ends."""

    help = (
        "Follow a run by its number. Exit codes: 0 succeeded, 1 failed, 3 cancelled, 4 timed out, "
        "5 lost, 6 skipped."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the run."""
        parser.add_argument("run", type=int, help="its number, such as 12")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Follow until the end; Ctrl+C stops following, not the run."""
        follow(run_of(options["run"]), self.stdout)
