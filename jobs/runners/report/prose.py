"""Turn markdown into plain blocks for the PDF: no markup of the writer's reaches the typesetter."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from markdown_it.token import Token

from portal.ui.markdown import commonmark

_MARKDOWN: Final = commonmark()
_OPENS: Final = {"strong_open": "bold", "em_open": "italic"}
_CLOSES: Final = {"strong_close": "bold", "em_close": "italic"}

Block = dict[str, Any]


def blocks(text: str) -> list[Block]:
    """Return blocks ``{"kind": heading | paragraph | item | code, "level", "mark", "spans"}``.

    A span is ``{"text", "bold", "italic", "code"}``.
    """
    return list(_blocks(_MARKDOWN.parse(text)))


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    heading, marks, first = 0, [], False
    for token in tokens:
        match token.type:
            case "heading_open":
                heading = int(token.tag[1])
            case "heading_close":
                heading = 0
            case "bullet_list_open":
                marks.append(0)
            case "ordered_list_open":
                marks.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                marks.pop()
            case "list_item_open":
                first = True
            case "fence" | "code_block":
                yield _block("code", len(marks), "", [_span(token.content.rstrip("\n"), {"code"})])
            case "inline":
                mark = _mark(marks) if marks and first else ""
                first = False
                kind = "heading" if heading else "item" if marks else "paragraph"
                yield _block(kind, heading or len(marks), mark, list(_spans(token.children or [])))


def _mark(marks: list[int]) -> str:
    if not marks[-1]:
        return "•"
    marks[-1] += 1
    return f"{marks[-1] - 1}."


def _spans(tokens: Sequence[Token]) -> Iterator[dict[str, Any]]:
    shown: set[str] = set()
    for token in tokens:
        if token.type in _OPENS:
            shown = shown | {_OPENS[token.type]}
        elif token.type in _CLOSES:
            shown = shown - {_CLOSES[token.type]}
        elif token.type in {"softbreak", "hardbreak"}:
            yield _span("\n", set())
        elif token.type == "code_inline":
            yield _span(token.content, {"code"})
        elif token.content:
            yield _span(token.content, shown)


def _span(text: str, shown: set[str]) -> dict[str, Any]:
    return {"text": text, **{name: name in shown for name in ("bold", "italic", "code")}}


def _block(kind: str, level: int, mark: str, spans: list[dict[str, Any]]) -> Block:
    return {"kind": kind, "level": level, "mark": mark, "spans": spans}
