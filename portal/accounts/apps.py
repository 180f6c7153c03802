"""Django's entry to portal.accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Name the app."""

    name = "portal.accounts"
