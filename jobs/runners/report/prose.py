"""Turn markdown into plain blocks for the PDF: no markup of the writer's reaches the typesetter."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Final

from markdown_it.token import Token

from portal.ui.markdown import commonmark, leads_out

_MARKDOWN: Final = commonmark()
_OPENS: Final = {"strong_open": "bold", "em_open": "italic", "s_open": "struck"}
_CLOSES: Final = {"strong_close": "bold", "em_close": "italic", "s_close": "struck"}

Block = dict[str, Any]


def blocks(text: str) -> list[Block]:
    """Return blocks ``{"kind", "level", "mark", "spans", "rows"}``.

    Kinds are heading, paragraph, item, code and table. A span is ``{"text", "bold", "italic", "struck",
    "code", "url"}``; ``rows`` are a table's, the names of its columns first, each cell a list of spans.
    """
    return list(_blocks(_MARKDOWN.parse(text)))


def plain(text: str) -> str:
    """Return what the text says without its marks, for a place that shows letters only."""
    return "\n".join(_plain(each) for each in blocks(text))


def _plain(block: Block) -> str:
    if block["kind"] == "table":
        return "\n".join(" | ".join(map(_letters, row)) for row in block["rows"])
    indent = "  " * (block["level"] - 1) if block["kind"] == "item" else ""
    return indent + " ".join(filter(None, [block["mark"], _letters(block["spans"])]))


def _letters(spans: Iterable[dict[str, Any]]) -> str:
    return "".join(
        f"{each['text']} ({each['url']})" if each["url"] not in {"", each["text"]} else each["text"]
        for each in spans
    )


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    heading, first = 0, False
    marks: list[int] = []
    rest = iter(tokens)
    for token in rest:
        match token.type:
            case "table_open":
                inside = takewhile(lambda each: each.type != "table_close", rest)
                yield {**_block("table", len(marks), "", []), "rows": _rows(inside)}
            case "heading_open":
                heading = int(token.tag[1])
            case "heading_close":
                heading = 0
            case "bullet_list_open" | "ordered_list_open":
                marks.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else 0)
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


def _rows(tokens: Iterable[Token]) -> list[list[list[dict[str, Any]]]]:
    rows: list[list[list[dict[str, Any]]]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(list(_spans(token.children or [])))
    return rows


def _mark(marks: list[int]) -> str:
    if not marks[-1]:
        return "•"
    marks[-1] += 1
    return f"{marks[-1] - 1}."


def _spans(tokens: Sequence[Token]) -> Iterator[dict[str, Any]]:
    shown: set[str] = set()
    url = ""
    for token in tokens:
        if token.type in _OPENS:
            shown = shown | {_OPENS[token.type]}
        elif token.type in _CLOSES:
            shown = shown - {_CLOSES[token.type]}
        elif token.type in {"softbreak", "hardbreak"}:
            yield _span("\n", set())
        elif token.type == "link_open":
            url = str(token.attrs.get("href", ""))
        elif token.type == "link_close":
            url = ""
        elif token.type == "code_inline":
            yield _span(token.content, {"code"}, url)
        elif token.content:
            yield _span(token.content, shown, url)


def _span(text: str, shown: set[str], url: str = "") -> dict[str, Any]:
    looks = {name: name in shown for name in ("bold", "italic", "struck", "code")}
    return {"text": text, **looks, "url": url if leads_out(url) else ""}


def _block(kind: str, level: int, mark: str, spans: list[dict[str, Any]]) -> Block:
    return {"kind": kind, "level": level, "mark": mark, "spans": spans, "rows": []}
