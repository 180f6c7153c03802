"""Django's entry to portal.ui."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    """Name the app."""

    name = "portal.ui"
