"""Django's entry to portal.notifications."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class NotificationsConfig(AppConfig):
    """Name the app, and let the clock send what waits."""

    name = "portal.notifications"

    def ready(self) -> None:
        """Load by path what names models (loaded before this)."""
        steps = import_string("portal.events.clock_steps")
        steps.register(
            import_string("portal.notifications.relay.relay"),
            signs=import_string("portal.notifications.relay.waiting_signs"),
        )
        steps.register(import_string("portal.notifications.relay.tidy"))
