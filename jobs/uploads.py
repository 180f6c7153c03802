"""Take source files in piece by piece, straight to the disk that they stay on."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from jobs.actions.source_files import Incoming, safe_name
from jobs.exceptions import FileRefused


class SourceUploadHandler(FileUploadHandler):
    """Write each file under a hidden name into its folder; what cannot be is skipped, with the reason.

    ``came`` holds names and files that came in whole, ``refused`` names and reasons. Whoever uses this calls
    ``give_up`` at the end.
    """

    def __init__(self, request: HttpRequest, folder: str) -> None:
        super().__init__(request)
        self.came: list[tuple[str, Incoming]] = []
        self.refused: list[tuple[str, str]] = []
        self._folder = folder
        self._incoming: Incoming | None = None
        self._begun: list[Incoming] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file, unless its name says already that it is not taken."""
        super().new_file(*args, **kwargs)
        try:
            safe_name(self.file_name or "")
            self._incoming = Incoming(self._folder)
            self._begun.append(self._incoming)
        except FileRefused as error:
            self._refuse(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a piece; the rest of a file that is too large, or finds no room, is not kept either."""
        assert self._incoming is not None  # noqa: S101 - new_file has begun it, or skipped the file
        try:
            self._incoming.write(raw_data)
        except FileRefused as error:
            self._refuse(error)

    def file_complete(self, file_size: int) -> None:
        """Put down what came in."""
        if self._incoming is not None:
            self.came.append((self.file_name or "", self._incoming))
        self._incoming = None

    def give_up(self) -> None:
        """Leave nothing of what nobody kept, or whose sender went away."""
        for each in self._begun:
            each.close()

    def _refuse(self, error: FileRefused) -> None:
        self.refused.append((self.file_name or "", str(error)))
        self._incoming = None
        raise SkipFile from error
