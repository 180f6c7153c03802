"""Stop files that are too large while they come in, before they fill the disk."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

# A comment's files together, and the form around them.
_FILES = 10
_AROUND = 1024 * 1024


class LimitedUploadHandler(FileUploadHandler):
    """Skip each file from the byte on that is beyond the limit; refuse what is hopelessly large at once.

    The names of the skipped ones stand in ``request.refused_uploads``.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._received = 0

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803 - Django passes it by this name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        """Refuse a request whose announced length no comment can have."""
        if content_length > _FILES * settings.ATTACHMENT_MB * 1024 * 1024 + _AROUND:
            raise RequestDataTooBig("The files are too large together.")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin to count."""
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand the bytes on until there are too many."""
        self._received += len(raw_data)
        if self._received > settings.ATTACHMENT_MB * 1024 * 1024:
            refused = getattr(self.request, "refused_uploads", [])
            self.request.refused_uploads = [*refused, self.file_name or ""]  # type: ignore[union-attr]
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the handlers behind this one."""
