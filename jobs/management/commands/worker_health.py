"""``manage.py worker_health``: exit 0 only when this machine's worker polled lately."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from jobs.engine.clock import ALIVE
from jobs.engine.identity import HOST
from jobs.models import Worker


def _oldest() -> CombinedExpression:
    return Now() - timedelta(seconds=ALIVE)


class Command(BaseCommand):
    """Ask the database when this worker last polled; a PID would only say that it exists."""

    help = (
        "Exit 0 if this worker (--name, WORKER_NAME, else the newest of this host) polled within 30 seconds."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --name."""
        parser.add_argument("--name", default=settings.WORKER_NAME)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Exit with an error unless the worker is alive."""
        name = options["name"]
        mine = Worker.objects.filter(name=name) if name else Worker.objects.filter(host=HOST)
        try:
            # The newest: what an earlier container of the same host name left behind must not speak for it.
            newest = mine.order_by("-started_at")[:1]
            fresh = any(Worker.objects.filter(pk=row.pk, polled_at__gt=_oldest()).exists() for row in newest)
        except DatabaseError as error:
            message = f"the database does not answer: {error}"
            raise CommandError(message) from error
        if not fresh:
            message = f"{name or HOST}: no poll within {ALIVE} s"
            raise CommandError(message)
        self.stdout.write("ok")
