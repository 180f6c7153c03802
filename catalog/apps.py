"""Django's entry to catalog."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class CatalogConfig(AppConfig):
    """Name the app and let it answer for its nodes."""

    name = "catalog"

    def ready(self) -> None:
        """Load by path what names models, which are loaded before this."""
        import_string("catalog.receivers.register")()
