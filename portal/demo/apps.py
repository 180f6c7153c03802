"""Django's entry to portal.demo."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Name the app."""

    name = "portal.demo"
