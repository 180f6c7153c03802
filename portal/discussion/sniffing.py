"""What a file is, by its first bytes only: its name and its sender's word for it count for nothing.

Archives and documents are never opened; a picture's size is read from its header, never by decoding it.
"""

from dataclasses import dataclass
from typing import Final

from portal.discussion.choices import MediaType
from portal.storage import HEAD

MOST_PIXELS: Final = 40_000_000
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Found:
    """A media type, and a picture's size in pixels as its header says it (None for all else)."""

    media_type: MediaType
    width: int | None = None
    height: int | None = None

    @property
    def is_too_large(self) -> bool:
        """Whether decoding the picture would take more memory than a reader's browser should give."""
        return self.width is not None and self.height is not None and self.width * self.height > MOST_PIXELS


def sniff(head: bytes) -> Found:
    """Say what the first ``HEAD`` bytes of a file show."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _picture(MediaType.PNG, _png(head))
    if head.startswith(b"\xff\xd8\xff"):
        return _picture(MediaType.JPEG, _jpeg(head))
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _picture(MediaType.GIF, _gif(head))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _picture(MediaType.WEBP, _webp(head))
    if head.startswith(b"%PDF-"):
        return Found(MediaType.PDF)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Found(MediaType.ZIP)
    return Found(MediaType.TEXT if _is_text(head) else MediaType.BYTES)


def _picture(media_type: MediaType, size: tuple[int, int] | None) -> Found:
    """Return a picture only with a sound size; a torn header makes it plain bytes."""
    if size is None or 0 in size:
        return Found(MediaType.BYTES)
    return Found(media_type, *size)


def _png(head: bytes) -> tuple[int, int] | None:
    if head[12:16] != b"IHDR" or len(head) < 24:
        return None
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def _gif(head: bytes) -> tuple[int, int] | None:
    if len(head) < 10:
        return None
    return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        at += 2 + max(int.from_bytes(head[at + 2 : at + 4]), 2)
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    if len(head) < 30:
        return None
    match head[12:16]:
        case b"VP8 ":
            return (
                int.from_bytes(head[26:28], "little") & 0x3FFF,
                int.from_bytes(head[28:30], "little") & 0x3FFF,
            )
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return None


def _is_text(head: bytes) -> bool:
    if not head or b"\x00" in head:
        return False
    try:
        # The cut may fall into the middle of a character.
        head[: len(head) - 3 if len(head) == HEAD else len(head)].decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 6 and len(head) == HEAD
    return True
