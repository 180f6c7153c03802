"""Django's entry to portal.warehouse."""

from django.apps import AppConfig
from django.core import checks

from portal.warehouse.reader_checks import check_reader


class WarehouseConfig(AppConfig):
    """Name the app and check its reader's role."""

    name = "portal.warehouse"

    def ready(self) -> None:
        """Register the check among those that need a database."""
        checks.register(check_reader, checks.Tags.database)
