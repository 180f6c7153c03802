"""Django's entry to portal.vault."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Name the app: it has no tables, only a command."""

    name = "portal.vault"
