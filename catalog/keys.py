"""How the key of an asset looks in an address."""

from django.urls import register_converter


class KeyConverter:
    """Take keys such as ``flights`` or ``marketing.campaign-cost``; whatever else is typed is a 404."""

    regex = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}"

    def to_python(self, value: str) -> str:
        """Return the key."""
        return value

    def to_url(self, value: str) -> str:
        """Return the key."""
        return value


# Pages and API both import this; a name may be registered only once.
register_converter(KeyConverter, "asset_key")
