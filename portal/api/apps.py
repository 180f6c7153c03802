"""Django's entry to portal.api."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Name the app."""

    name = "portal.api"
