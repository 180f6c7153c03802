"""``manage.py trigger <job>``: start a run from the terminal, and follow it if wanted."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.actions import runs
from jobs.choices import Trigger
from jobs.exceptions import InvalidParameters, JobsError
from jobs.management.following import follow, job_of, parameter
from portal.audit.actions import Actor


class Command(BaseCommand):
    """Queue a run; with --follow print its log; the exit code tells the end, as with ``follow``."""

    help = "Start a run of a job, for example: trigger load-flights --param months=3 --follow"
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the job, its parameters and --follow."""
        parser.add_argument("job")
        parser.add_argument("-p", "--param", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--key", help="an idempotency key: the same key starts one run")
        parser.add_argument("--follow", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Trigger, and follow."""
        job = job_of(options["job"])
        try:
            triggered = runs.trigger(
                job=job,
                params=dict(parameter(pair) for pair in options["param"]),
                by=Actor.system("terminal"),
                trigger=Trigger.MANUAL,
                requested_by=None,
                principal="terminal",
                idempotency_key=options["key"],
            )
        except InvalidParameters as error:
            lines = [f"  {item['field'] or 'parameters'}: {item['message']}" for item in error.errors]
            raise CommandError("\n".join(["the parameters do not fit:", *lines])) from error
        except JobsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"run {triggered.run.number} {triggered.run.state}")
        if options["follow"]:
            follow(triggered.run, self.stdout)
