"""Django's entry to portal.webhooks."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class WebhooksConfig(AppConfig):
    """Name the app, and let the clock send what waits."""

    name = "portal.webhooks"

    def ready(self) -> None:
        """Load by path what names models, which are loaded before this."""
        import_string("portal.webhooks.receivers.register")()
