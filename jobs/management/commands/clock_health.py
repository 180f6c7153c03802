"""``manage.py clock_health``: exit 0 only when a clock ticked lately."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.db.models.functions import Now

from jobs.models import Clock

FRESH = 10


class Command(BaseCommand):
    """Ask the database when a clock last ticked."""

    help = "Exit 0 if a clock ticked within the last 10 seconds."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Exit with an error unless a clock is alive."""
        try:
            fresh = Clock.objects.filter(ticked_at__gt=Now() - timedelta(seconds=FRESH)).exists()
        except DatabaseError as error:
            message = f"the database does not answer: {error}"
            raise CommandError(message) from error
        if not fresh:
            message = f"no clock ticked within {FRESH} s"
            raise CommandError(message)
        self.stdout.write("ok")
