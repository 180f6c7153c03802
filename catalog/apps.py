"""Django's entry to catalog."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Name the app."""

    name = "catalog"
