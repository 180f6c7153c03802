"""Which addresses of the API take a file as their body."""

from collections.abc import Callable
from typing import Final

# Addresses whose PUT brings a file, by their beginning, with the most bytes; the app that has them says so.
# Their views read the body piece by piece, after they know who sends it.
file_bodies: Final[dict[str, Callable[[], int]]] = {}
