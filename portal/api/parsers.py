"""What the API reads and writes: JSON, whatever the Accept header asks for."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_UNKEPT: Final = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(JSONParser):
    """Read JSON; refuse what nests so deeply that the reader itself would break, and what cannot be kept."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the parsed body; every fault of it is a ParseError (400)."""
        try:
            parsed = super().parse(stream, media_type, parser_context)
            _refuse_unkept(parsed)
        except RecursionError:
            raise ParseError("The JSON nests too deeply.") from None
        return parsed


def _refuse_unkept(value: Any, path: str = "") -> None:
    """Raise a ParseError that says where it is for what JSON can say and PostgreSQL cannot keep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            # The name is looked at before it becomes part of a path: an answer cannot hold such signs either.
            _refuse_unkept(name, path)
            _refuse_unkept(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_unkept(inner, f"{path}.{index}".lstrip("."))
    elif wrong := _why_unkept(value):
        message = f"{path or 'The body'} {wrong}"
        raise ParseError(message)


def _why_unkept(value: Any) -> str:
    if isinstance(value, str) and (found := _UNKEPT.search(value)):
        sign = "the character NUL" if found[0] == "\0" else "half a surrogate pair"
        return f"holds {sign}, which cannot be kept."
    if isinstance(value, float) and not math.isfinite(value):
        return "is a number too large to be kept."
    return ""


class AlwaysJSON(BaseContentNegotiation):
    """Pick the parser by Content-Type, and always the view's first renderer."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Return the parser for the body's type; None is a 415."""
        main_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == main_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer: asking for HTML or XML is no reason to refuse an answer."""
        first = next(iter(renderers))
        return first, str(first.media_type)
