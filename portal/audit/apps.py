"""Django's entry to portal.audit."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Name the app."""

    name = "portal.audit"
