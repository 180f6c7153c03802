"""Django's entry to requests_app."""

from django.apps import AppConfig


class RequestsConfig(AppConfig):
    """Name the app."""

    name = "requests_app"
