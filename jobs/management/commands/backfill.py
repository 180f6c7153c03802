"""``manage.py backfill``: plan, start, follow and steer the backfills of a job from the terminal."""

from argparse import ArgumentParser
from datetime import date
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError

from jobs.actions import backfills
from jobs.choices import PartitionUnit
from jobs.exceptions import JobsError, RefusedTrigger
from jobs.management.following import backfill_of, follow_backfill, job_of, parameter
from jobs.models import Backfill, Job
from portal.audit.actions import Actor


class Command(BaseCommand):
    """Do one step; what follows a backfill tells its end by the exit code, as with ``follow``."""

    help = (
        "Run a job over the partitions of a range, for example: backfill start load-flights --parameter day "
        "--first 2013-01-01 --last 2013-01-31 --parallel 2 --follow. Exit codes of following: 0 all "
        "partitions succeeded, 1 some did not, 3 cancelled."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the steps: start has the plan's words, the others the number of a backfill."""
        steps = parser.add_subparsers(dest="step", required=True)
        start = steps.add_parser("start", help="queue a run for each partition, or list them with --dry-run")
        start.add_argument("job")
        start.add_argument("--parameter", required=True, help="the parameter that takes the partition")
        start.add_argument("--unit", choices=PartitionUnit.values, default=PartitionUnit.DAY)
        start.add_argument("--first", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
        start.add_argument("--last", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
        start.add_argument("--parallel", type=int, default=1, help="so many at a time")
        start.add_argument("-p", "--param", action="append", default=[], metavar="NAME=VALUE")
        start.add_argument("--key", help="an idempotency key: the same key starts one backfill of the job")
        start.add_argument("--dry-run", action="store_true", help="say what would run, and start nothing")
        start.add_argument("--follow", action="store_true")
        for name, what in (
            ("follow", "print how its partitions end"),
            ("pause", "let no more of its runs start"),
            ("resume", "let its runs start again"),
            ("cancel", "end what waits, ask what runs to stop"),
            ("again", "run again each partition that did not succeed"),
        ):
            step = steps.add_parser(name, help=what)
            step.add_argument("backfill", type=int, help="its number, such as 4")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do the step."""
        if options["step"] == "start":
            self._start(job_of(options["job"]), options)
            return
        backfill = backfill_of(options["backfill"])
        if options["step"] == "follow":
            follow_backfill(backfill, self.stdout)
        else:
            self._steer(backfill, options["step"])

    def _start(self, job: Job, options: dict[str, Any]) -> None:
        wish = backfills.Wish(
            parameter=options["parameter"],
            unit=options["unit"],
            first=options["first"],
            last=options["last"],
            parallel=options["parallel"],
            params=dict(parameter(pair) for pair in options["param"]),
        )
        try:
            planned = backfills.plan(job=job, wish=wish)
            if options["dry_run"]:
                self.stdout.writelines(f"{each.value}\n" for each in planned)
                return
            backfill, _created = backfills.start(
                job=job,
                wish=wish,
                once=f"terminal:{job.pk}:{options['key'] or uuid4()}",
                by=Actor.system("terminal"),
                requested_by=None,
            )
        except RefusedTrigger as error:
            lines = [f"  {item['field']}: {item['message']}" for item in error.errors]
            raise CommandError("\n".join(["the backfill does not fit:", *lines])) from error
        except JobsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"backfill {backfill.pk} of {job.key}: {len(planned)} partitions")
        if options["follow"]:
            follow_backfill(backfill, self.stdout)

    def _steer(self, backfill: Backfill, step: str) -> None:
        by = Actor.system("terminal")
        try:
            match step:
                case "pause":
                    backfills.pause(backfill=backfill, by=by)
                case "resume":
                    backfills.resume(backfill=backfill, by=by)
                case "cancel":
                    count = backfills.cancel(backfill=backfill, by=by)
                    self.stdout.write(f"runs cancelled: {count}")
                case "again":
                    count = backfills.run_failed_again(backfill=backfill, by=by)
                    self.stdout.write(f"partitions queued again: {count}")
        except JobsError as error:
            raise CommandError(str(error)) from error
        backfill.refresh_from_db(fields=["paused", "cancelled_at"])
        word = "cancelled" if backfill.cancelled_at else "paused" if backfill.paused else "open"
        self.stdout.write(f"backfill {backfill.pk} {word}")
