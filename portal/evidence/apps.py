"""Django's entry to portal.evidence."""

from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    """Name the app."""

    name = "portal.evidence"
