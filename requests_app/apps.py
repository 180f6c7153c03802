"""Django's entry to requests_app."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class RequestsConfig(AppConfig):
    """Name the app, and answer for questions where other apps name them."""

    name = "requests_app"

    def ready(self) -> None:
        """Load by path what names models, which are loaded by now."""
        import_string("requests_app.receivers.register")()
