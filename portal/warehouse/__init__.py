"""The warehouse behind one port; each engine is one file, loaded by its dotted path when first used."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from portal.warehouse.port import Warehouse


def connect(*, read_only: bool, folders: Sequence[Path] = ()) -> "Warehouse":
    """Open the warehouse; close it after use, or use it in a ``with`` block.

    A reader reaches no files but the warehouse's own and those of ``folders``.

    The engine starts threads when it is imported: call this in a run's body, never in a supervisor or at
    the start of a server.
    """
    return cast("Warehouse", import_string(settings.WAREHOUSE)(read_only=read_only, folders=folders))
