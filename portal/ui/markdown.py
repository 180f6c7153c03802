"""Turn what people write into safe HTML: markdown without raw HTML, then cleaned by a second wall.

The first wall (markdown-it, ``html=False``) never lets a tag through; the second (nh3) keeps only the tags
and attributes named here, whatever the first one did. Links lead to http, https, mailto or into the portal;
an image is shown only when it is an attachment of ours, every other one becomes a link.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize as tokenize_emphasis
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

LONGEST: Final = 50_000
NESTING: Final = 20
# What no writer needs: parsing the marks of one paragraph costs their number squared, and each line and
# each cell of a table some time of its own.
MOST_MARKS: Final = 1500
MOST_MARKS_IN_ALL: Final = 12_000
MOST_LINES: Final = 4000
MOST_CELLS_A_LINE: Final = 60
ATTACHMENTS: Final = "/discussion/attachments/"

_TAGS: Final = {
    *("p", "br", "hr", "strong", "em", "s", "mark", "code", "pre", "blockquote", "a", "img"),
    *("ul", "ol", "li", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "loading"},
    "code": {"class"},
    "ol": {"start"},
}
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_LANGUAGE: Final = re.compile(r"language-[A-Za-z0-9+#_.-]{1,30}")
_OUTWARD: Final = re.compile(r"(?:https?://[^\s/]|mailto:[^\s/])[^\s\\]*", re.IGNORECASE)
# One slash and then no second one, nor a backslash that a browser would read as one.
_INWARD: Final = re.compile(r"(?:/(?![/\\])|#)[^\s\\]*")
_PICTURE: Final = re.compile(
    rf"{ATTACHMENTS}[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}/"
)
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
_URL: Final = re.compile(r"(?<![\w:])https?://[^\s<>\"'`|\\^{}]{1,2000}", re.IGNORECASE)
_AFTER_URL: Final = ".,:;!?…·"
_REFERENCE: Final = re.compile(r"(?<![\w/#&])(?:REQ-[1-9][0-9]{0,17}|#[1-9][0-9]{0,17})(?![\w-])")
_MARKS: Final = re.compile(r"[*_~`\[\]<>|!&\\]")
# Scripts that set particles and words beside each other without a space: Hangul, kana, Chinese characters.
_CLOSE_SET: Final = re.compile(
    r"[\u1100-\u11ff\u2e80-\u2fff\u3005-\u3007\u3040-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    r"\uf900-\ufaff\U00020000-\U0003ffff]"
)
# What ends a phrase begins no emphasis, and what opens one ends none.
_ENDS: Final = frozenset(",.;:!?)]}…·")
_OPENS: Final = frozenset("([{")


@dataclass(frozen=True, slots=True)
class Known:
    """What may be linked or marked inside a text.

    ``links`` maps a reference as it is written (``REQ-2043``, ``#12``) to its address: only those that the
    reader may see. ``names`` are mentions as they are written (``@Ben Cho``).
    """

    links: Mapping[str, str] = field(default_factory=dict)
    names: Collection[str] = ()


def render(text: str, known: Known | None = None) -> SafeString:
    """Return the safe HTML of a text; what is longer than ``LONGEST`` characters is cut.

    A text that would take long to read as markdown is shown as it was typed.
    """
    text = text[:LONGEST].replace("\x00", "")
    if _is_laborious(text):
        return as_typed(text)
    html = _MARKDOWN.render(text, {"known": known or Known()})
    # Cleaned by the allow-list above, hence safe.
    return mark_safe(_clean(html))  # noqa: S308 - see above


def as_typed(text: str) -> SafeString:
    """Return the text itself, escaped, its line breaks kept."""
    paragraphs = re.split(r"\n\s*\n", escape(text))
    shown = "".join(f"<p>{part.strip()}</p>".replace("\n", "<br>") for part in paragraphs if part.strip())
    return mark_safe(shown)  # noqa: S308 - escaped in the line above


def references(text: str) -> Iterator[str]:
    """Yield what looks like a reference to something of the portal: ``REQ-2043``, ``#12``."""
    return (found.group() for found in _REFERENCE.finditer(text[:LONGEST]))


def safe_address(address: str) -> bool:
    """Say whether a link may lead there: out by http, https or mailto, or into the portal by a path."""
    if _CONTROL.search(address):
        return False
    return bool(_OUTWARD.fullmatch(address) or _INWARD.fullmatch(address))


def leads_out(address: str) -> bool:
    """Say whether a link leads out of the portal, and so anywhere a page of paper or a file may lead."""
    return safe_address(address) and _OUTWARD.fullmatch(address) is not None


def _is_laborious(text: str) -> bool:
    lines = text.splitlines()
    if len(lines) > MOST_LINES or any(line.count("|") > MOST_CELLS_A_LINE for line in lines):
        return True
    counts = [len(_MARKS.findall(block)) for block in re.split(r"\n\s*\n", text)]
    return max(counts) > MOST_MARKS or sum(counts) > MOST_MARKS_IN_ALL


def _filter(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        return value if safe_address(value) else None
    if name == "src":
        return value if _PICTURE.fullmatch(value) else None
    if name == "class":
        return value if tag == "code" and _LANGUAGE.fullmatch(value) else None
    return value


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_filter,
        url_schemes=set(_SCHEMES),
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
    )


def _plain(content: str) -> Token:
    token = Token("text", "", 0)
    token.content = content
    return token


def _link(address: str, shown: str) -> list[Token]:
    opened = Token("link_open", "a", 1, attrs={"href": address})
    return [opened, _plain(shown), Token("link_close", "a", -1)]


def _marked(shown: str) -> list[Token]:
    return [Token("mark_open", "mark", 1), _plain(shown), Token("mark_close", "mark", -1)]


def _pieces(text: str, known: Known) -> list[Token]:
    """Split a run of plain text at addresses, mentions and references."""
    names = sorted((re.escape(name) for name in known.names), key=len, reverse=True)
    parts = [_URL.pattern, _REFERENCE.pattern, *names]
    tokens: list[Token] = []
    end = 0
    for found in re.finditer("|".join(f"(?:{part})" for part in parts), text, re.IGNORECASE):
        made, taken = _piece(found.group(), known)
        if not made:
            continue
        if found.start() > end:
            tokens.append(_plain(text[end : found.start()]))
        tokens += made
        end = found.start() + taken
    return [*tokens, _plain(text[end:])] if tokens else []


def _piece(written: str, known: Known) -> tuple[list[Token], int]:
    if written.startswith("@"):
        return _marked(written), len(written)
    if written.startswith("#") or written[:4].upper() == "REQ-":
        address = known.links.get(written.upper(), "")
        return (_link(address, written) if address else []), len(written)
    address = written.rstrip(_AFTER_URL)
    if address.endswith(")") and "(" not in address:
        address = address.rstrip(")").rstrip(_AFTER_URL)
    return (_link(address, address) if safe_address(address) else []), len(address)


def _enrich(state: StateCore) -> None:
    known = state.env.get("known") or Known()
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = list(_enriched(_joined(block.children), known))


def _joined(children: Sequence[Token]) -> Iterator[Token]:
    """Join neighbouring pieces of text: ``_`` and ``@`` inside an address or a name split them."""
    held: Token | None = None
    for child in children:
        if child.type == "text" and held is not None:
            held.content += child.content
            continue
        if held is not None:
            yield held
        held = child if child.type == "text" else None
        if held is None:
            yield child
    if held is not None:
        yield held


def _enriched(children: Iterator[Token], known: Known) -> Iterator[Token]:
    inside = 0
    for child in children:
        inside += child.nesting if child.type in {"link_open", "link_close"} else 0
        if child.type == "image" and inside:
            # A link inside a link would tear the page; the picture's words stay.
            yield _plain(child.content)
            continue
        pieces = _pieces(child.content, known) if child.type == "text" and not inside else []
        yield from pieces or [child]


def _lower_headings(state: StateCore) -> None:
    """Let headings begin below the page's own, in the order of their ranks."""
    ranks = sorted({token.tag for token in state.tokens if token.type == "heading_open"})
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(3 + ranks.index(token.tag), 6)}"


def _image(
    self: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    token = tokens[idx]
    source, words = str(token.attrs.get("src", "")), escape(token.content)
    if _PICTURE.fullmatch(source):
        return f'<img src="{escape(source)}" alt="{words}" loading="lazy">'
    return f'<a href="{escape(source)}">{words or escape(source)}</a>'


def _cell(
    self: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    # Its alignment would be an inline style, which the page's policy forbids.
    return f"<{tokens[idx].tag}>"


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Take stars beside Hangul for emphasis where CommonMark wants a space: ``**3.6%**예요``."""
    start, known = state.pos, len(state.delimiters)
    if not tokenize_emphasis(state, silent):
        return False
    before = state.src[start - 1 : start] or " "
    after = state.src[state.pos : state.pos + 1] or " "
    if state.src[start] == "*" and not before.isspace() and not after.isspace():
        for each in state.delimiters[known:]:
            each.open |= bool(_CLOSE_SET.match(before)) and after not in _ENDS
            each.close |= bool(_CLOSE_SET.match(after)) and before not in _OPENS
    return True


def commonmark() -> MarkdownIt:
    """Return a parser of CommonMark with tables, without raw HTML and links that may not be.

    Emphasis works within Korean words, too.
    """
    made = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": NESTING})
    made.inline.ruler.at("emphasis", _emphasis)
    made.enable(["table", "strikethrough"])
    made.validateLink = safe_address  # type: ignore[assignment, method-assign]
    return made


def _made() -> MarkdownIt:
    rules: dict[str, Callable[..., str]] = {"image": _image, "th_open": _cell, "td_open": _cell}
    made = commonmark()
    made.core.ruler.push("enrich", _enrich)
    made.core.ruler.push("lower_headings", _lower_headings)
    for name, rule in rules.items():
        made.add_render_rule(name, rule)
    return made


_MARKDOWN: Final = _made()
