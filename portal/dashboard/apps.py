"""Django's entry to portal.dashboard."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Name the app."""

    name = "portal.dashboard"
