"""Django's entry to jobs."""

from django.apps import AppConfig
from django.core import checks
from django.utils.module_loading import import_string


class JobsConfig(AppConfig):
    """Name the app, check its registry of kinds, and make wake-ups go through our Celery application."""

    name = "jobs"

    def ready(self) -> None:
        """Load by path what names models (loaded before this) or stands on a higher floor."""
        import_string("portal.celery.app")
        import_string("jobs.receivers.register")()
        import_string("jobs.artifacts.register")()
        import_string("jobs.api.file_views.register")()
        checks.register(import_string("jobs.runners.registry.check_runners"), "jobs")
