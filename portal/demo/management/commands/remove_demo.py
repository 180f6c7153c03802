"""manage.py remove_demo"""

from typing import Any

from django.core.management.base import BaseCommand

from portal.demo.load import remove
from portal.warehouse import connect


class Command(BaseCommand):
    """Take the demonstration away: its people, jobs with their runs, datasets, metrics and lake tables."""

    help = "Delete what load_demo loaded, with the tables in the lake; what you made yourself stays."

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete the portal's rows in one transaction, then the tables they spoke of."""
        tables = remove()
        with connect(read_only=False) as warehouse:
            warehouse.drop(tables)
        self.stdout.write(f"Removed the demonstration and {len(tables)} tables.")
