"""Django's entry to portal.demo."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class DemoConfig(AppConfig):
    """Name the app, and let the demonstration's answers wait for their numbers."""

    name = "portal.demo"

    def ready(self) -> None:
        """Load by path what names models, which are loaded by now."""
        import_string("portal.demo.answers.register")()
