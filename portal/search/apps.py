"""Django's entry to portal.search."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """Name the app."""

    name = "portal.search"
