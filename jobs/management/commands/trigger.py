"""``manage.py trigger <job>``: start a run from the terminal, and follow it if wanted."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.actions import runs
from jobs.choices import RunState, Trigger
from jobs.exceptions import InvalidParameters, JobsError
from jobs.models import Job, Run, RunLog
from portal.audit.actions import Actor

PAUSE = 0.25


class Command(BaseCommand):
    """Queue a run; with --follow print its log and exit 1 unless it succeeds."""

    help = "Start a run of a job, for example: trigger load-flights --param months=3 --follow"
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the job, its parameters and --follow."""
        parser.add_argument("job")
        parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--key", help="an idempotency key: the same key starts one run")
        parser.add_argument("--follow", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Trigger, and follow."""
        job = Job.objects.select_related("pool").filter(key=options["job"]).first()
        if job is None:
            message = f"there is no job {options['job']!r}"
            raise CommandError(message)
        try:
            triggered = runs.trigger(
                job=job,
                params=dict(_parameter(pair) for pair in options["param"]),
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
            self._follow(triggered.run)

    def _follow(self, run: Run) -> None:
        seen = 0
        while True:
            # The state is read before the log: what is written until the end is printed after it.
            run.refresh_from_db(fields=["state", "error"])
            for piece in RunLog.objects.filter(run=run, pk__gt=seen).order_by("pk"):
                seen = piece.pk
                for at, level, text in piece.lines:
                    self.stdout.write(f"{at} {level:<5} {text}")
            if not run.is_open:
                break
            time.sleep(PAUSE)
        self.stdout.write(f"run {run.number} {run.state}")
        if run.state != RunState.SUCCEEDED:
            raise CommandError(run.error.get("message") or run.state)


def _parameter(pair: str) -> tuple[str, Any]:
    name, equals, value = pair.partition("=")
    if not equals:
        message = f"--param takes name=value, not {pair!r}"
        raise CommandError(message)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
