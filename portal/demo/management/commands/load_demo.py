"""manage.py load_demo"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.configuration import Mode
from portal.demo.load import load


class Command(BaseCommand):
    """Load the demonstration: six people, their teams, jobs and metrics over real flights."""

    help = "Load the demonstration's people, jobs and metrics, and start the first load of the flights."

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse in production mode; otherwise load what is missing."""
        if settings.MODE is not Mode.DEMO:
            raise CommandError("The demonstration is never loaded in production mode; set MODE=demo.")
        load()
