"""Django's entry to jobs."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Name the app."""

    name = "jobs"
