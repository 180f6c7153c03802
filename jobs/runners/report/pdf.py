"""Set an edition as PDF: our own page for Typst, everything that people wrote handed to it as data."""

import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from django.utils.module_loading import import_string

from portal.said import said

_PAGE: Final = Path(__file__).with_name("edition.typ")
# Charts name the stylesheet's tokens; paper is light.
_COLOURS: Final = {
    "ink": "#1f2430",
    "ink-2": "#4b5563",
    "ink-3": "#6b7280",
    "line": "#e5e7eb",
    "line-strong": "#cfd4da",
    "line-field": "#8d949e",
    "accent": "#2f5bd0",
    "accent-wash": "#eaf0ff",
    "neutral-mark": "#767b85",
    "neutral-wash": "#eff0f2",
    "info-mark": "#2b7fb8",
    "info-wash": "#e6f3fb",
    "good-mark": "#2a8a55",
    "good-wash": "#e4f5ea",
    "warn-mark": "#c9790f",
    "warn-wash": "#fdf0dc",
    "bad-mark": "#cf3d34",
    "bad-wash": "#fdeae8",
    "surface": "#ffffff",
}
_TOKEN: Final = re.compile(r"var\(--([a-z0-9-]+)\)")


class FontsMissing(Exception):
    """The fonts of the PDF are not installed."""

    error_class = "settings"


def fonts() -> Path:
    """Return the folder of the fonts that the package ``pylopdf-fonts-ko`` brings."""
    found = importlib.util.find_spec("pylopdf_fonts_ko")
    if found is None or found.origin is None:
        raise FontsMissing(said("The package pylopdf-fonts-ko is not installed."))
    return Path(found.origin).parent


def printable(svg: str) -> str:
    """Return a chart with the colours of paper in place of the page's tokens, and a font that is there."""
    coloured = _TOKEN.sub(lambda found: _COLOURS.get(found[1], "#4b5563"), svg)
    return coloured.replace("<svg ", '<svg font-family="Noto Sans KR" ', 1) if svg else ""


def write(target: Path, edition: Mapping[str, Any]) -> None:
    """Write the PDF of an edition (its data as ``edition.typ`` reads them); nothing else is read."""
    compile_pdf = import_string("typst.compile")
    compile_pdf(
        _PAGE.read_bytes(),
        output=str(target),
        format="pdf",
        # The page's own root: nothing lies there that it could read.
        root=str(target.parent),
        font_paths=[str(fonts())],
        ignore_system_fonts=True,
        sys_inputs={"edition": json.dumps(edition, ensure_ascii=False, default=str)},
    )
