"""``manage.py cancel <run>``: cancel a run that waits, or ask one that runs to stop."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.actions import runs
from jobs.choices import RunState
from jobs.exceptions import CancelMissed, RunAlreadyEnded
from jobs.management.following import run_of
from portal.audit.actions import Actor


class Command(BaseCommand):
    """Say what became of the run; exit 1 where it was not cancelled."""

    help = "Cancel a run by its number; one that runs stops within seconds."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the run."""
        parser.add_argument("run", type=int, help="its number, such as 12")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Cancel once."""
        run = run_of(options["run"])
        try:
            run = runs.cancel(run=run, by=Actor.system("terminal"))
        except RunAlreadyEnded as error:
            run.refresh_from_db(fields=["state"])
            message = f"run {run.number} has ended: {run.state}"
            raise CommandError(message) from error
        except CancelMissed as error:
            raise CommandError(str(error)) from error
        words = "cancelled" if run.state == RunState.CANCELLED else "was asked to stop"
        self.stdout.write(f"run {run.number} {words}")
