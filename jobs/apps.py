"""Django's entry to jobs."""

from django.apps import AppConfig
from django.core import checks
from django.utils.module_loading import import_string


class JobsConfig(AppConfig):
    """Name the app, and check its registry of kinds."""

    name = "jobs"

    def ready(self) -> None:
        """Load by path what names models (loaded before this) or stands on a higher floor."""
        import_string("jobs.receivers.register")()
        import_string("jobs.artifacts.register")()
        checks.register(import_string("jobs.runners.registry.check_runners"), "jobs")
