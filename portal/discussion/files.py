"""Where the files of discussions lie."""

from typing import Final

from portal.storage import Store

ATTACHMENTS: Final = Store("attachments")
