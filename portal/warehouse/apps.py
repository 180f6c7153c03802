"""Django's entry to portal.warehouse."""

from django.apps import AppConfig


class WarehouseConfig(AppConfig):
    """Name the app."""

    name = "portal.warehouse"
