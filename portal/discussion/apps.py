"""Django's entry to portal.discussion."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class DiscussionConfig(AppConfig):
    """Name the app and let the clock tidy up behind it."""

    name = "portal.discussion"

    def ready(self) -> None:
        """Load by path what names models, which are loaded before this."""
        import_string("portal.discussion.tidying.register")()
