"""Static files: hashed names, and one stylesheet and one script made of the many that are written."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

# How a bundle names its parts, and how a part stands in it: the names in a script's block are its own.
BUNDLES: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "css/desk.css": (re.compile(r'^@import url\("([\w/-]+\.css)"\);\n', re.MULTILINE), "{}"),
    "js/desk.js": (re.compile(r'^import "\./([\w/-]+\.js)";\n', re.MULTILINE), "{{\n{}}}\n"),
}


class _Joined(Storage):
    """A finder's files; a bundle opens with its parts in place of the lines that name them."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def open(self, name: str, mode: str = "rb") -> File:  # type: ignore[type-arg]
        """Return the bundle in one piece: a browser would ask for one part after the other."""
        pattern, frame = BUNDLES[name]
        folder = PurePosixPath(name).parent
        whole = pattern.sub(lambda part: frame.format(self._read(str(folder / part[1]))), self._read(name))
        return ContentFile(whole.encode())

    def _read(self, name: str) -> str:
        with self.source.open(name) as file:
            content = file.read()
        return content.decode() if isinstance(content, bytes) else content


class BundlingStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Serve files by names that change with their content, so that browsers may keep them forever."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Hash and compress what collectstatic has gathered."""
        bundles = {name: (_Joined(paths[name][0]), paths[name][1]) for name in BUNDLES if name in paths}
        yield from super().post_process({**paths, **bundles}, dry_run, **options)

    def stored_name(self, name: str) -> str:
        """Return the hashed name; before the first collectstatic (tests, make dev) files keep theirs."""
        return str(super().stored_name(name)) if self.hashed_files else name
