"""Static files: hashed names, and one stylesheet made of the many that are written."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

STYLESHEET: Final = "css/desk.css"
_IMPORT: Final = re.compile(r'^@import url\("(?P<name>[a-z0-9_/-]+\.css)"\);\n', re.MULTILINE)


class _Joined(Storage):
    """The collected files, the stylesheet's imports replaced by what they name."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def open(self, name: str, mode: str = "rb") -> File:  # type: ignore[type-arg]
        """Return the stylesheet in one piece: a browser would ask for one import after the other."""
        folder = PurePosixPath(name).parent
        return ContentFile(
            _IMPORT.sub(lambda found: self._read(str(folder / found["name"])), self._read(name)).encode()
        )

    def _read(self, name: str) -> str:
        with self.source.open(name) as file:
            content = file.read()
        return content.decode() if isinstance(content, bytes) else content


class BundlingStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Serve files by names that change with their content, so that browsers may keep them forever."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Hash and compress what collectstatic has gathered."""
        if STYLESHEET in paths:
            storage, path = paths[STYLESHEET]
            paths = {**paths, STYLESHEET: (_Joined(storage), path)}
        yield from super().post_process(paths, dry_run, **options)

    def stored_name(self, name: str) -> str:
        """Return the hashed name; before the first collectstatic (tests, make dev) files keep theirs."""
        return str(super().stored_name(name)) if self.hashed_files else name
