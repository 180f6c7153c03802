"""What a body that runs people's SQL may still reach of this machine's files."""

from collections.abc import Sequence
from pathlib import Path

from django.apps import apps
from django.conf import settings

from portal.warehouse.confining import confine

# Names in a chart are measured with the machine's fonts.
_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts", "/usr/share/fontconfig")


def confine_body(*, write: Sequence[Path]) -> None:
    """Leave this process the code, the fonts and the lake to read, and its spill and ``write`` to write.

    Neither .env nor VAR, where keys and the embedded servers' data lie. Never undone; call it before
    the first thread starts.
    """
    spill = Path(settings.VAR) / "tmp" / "duckdb"
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    code = {Path(config.path) for config in apps.get_app_configs()} | {Path(settings.BASE_DIR) / "portal"}
    confine(read=[*sorted(code), *map(Path, _FONTS), Path(settings.LAKE_DATA)], write=[spill, *write])
