"""Collect the texts of code and templates, keep the Korean catalog in step with them, and judge it.

Made with Babel alone: no gettext programs are needed on the machine.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.module_loading import import_string
from django.utils.translation.template import templatize

from portal.configuration import ROOT

LOCALE: Final = ROOT / "portal" / "locale"
LANGUAGE: Final = "ko"
SOURCES: Final = ("portal", "catalog", "jobs", "requests_app")
KEYWORDS: Final[dict[str, Any]] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
    # portal.said: sentences that are kept, and said again in the reader's language.
    "said": None,
}
# What returns texts that stand in no call above: descriptions made from code.
DESCRIBED: Final = ("portal.api.reference.texts",)
# Names, units and words of the trade that Korean readers know by their Latin letters.
LATIN_NAMES: Final = """
API CSP CSV Data Desk DuckLake DuckDB English HTTP ID JSON Korean MetricFlow OpenAPI Parquet PostgreSQL SQL
SVG URL UTC UUID cron h min ms s B KB MB GB TB kB p50 p95 v
"""
LATIN: Final = frozenset(LATIN_NAMES.split())
PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|%%|&\w+;|<[^>]*>")
HANGUL: Final = re.compile("[\uac00-\ud7a3]")
WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def catalog_path(language: str = LANGUAGE) -> Path:
    """Return where the language's catalog is."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def extract() -> Catalog:
    """Return all texts that code and templates mark for translation."""
    catalog = Catalog(project="Data Desk", charset="utf-8")
    for path in _source_files():
        text = path.read_text()
        if path.suffix != ".py":
            # What templatize leaves are lines of Python calls; their indentation means nothing.
            text = "\n".join(line.strip() for line in str(templatize(text, origin=str(path))).splitlines())
        found = extract_python(BytesIO(text.encode()), KEYWORDS, ["Translators:"], {"encoding": "utf-8"})
        for line, keyword, texts, comments in found:
            # Babel types a list here and gives a single text by itself.
            given: Any = texts
            # A call with no text of its own looks up what another place marks.
            if given is None:
                continue
            parts = (given,) if isinstance(given, str) else given
            message, context = _chosen(KEYWORDS[str(keyword)], tuple(parts))
            if all(message):
                catalog.add(
                    message if len(message) > 1 else message[0],
                    locations=[(str(path.relative_to(ROOT)), line)],
                    auto_comments=list(comments or ()),
                    context=context,
                )
    for name in DESCRIBED:
        for described in filter(None, import_string(name)()):
            catalog.add(described, locations=[(name, 0)])
    return catalog


def update() -> Catalog:
    """Bring the catalog into step with the texts, keep what is translated, and write it."""
    path = catalog_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog = read()
    # Without guesses: a similar old text is not a translation of the new one.
    # And without its date, so that a file in which nothing is new stays as it was.
    catalog.update(extract(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    with path.open("wb") as file:
        write_po(file, catalog, width=110, sort_output=True, include_lineno=False)
    return catalog


def read() -> Catalog:
    """Return the catalog as it is kept; an empty one where there is none."""
    path = catalog_path()
    if not path.exists():
        return Catalog(locale=LANGUAGE, project="Data Desk", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def problems() -> list[str]:
    """Return a line for each text that is missing, uncertain, left over or not Korean."""
    kept = read()
    wanted = {(message.context, _key(message)): message for message in extract() if message.id}
    present = {(message.context, _key(message)): message for message in kept if message.id}
    found = [
        f"missing: {key!r} ({wanted[context, key].locations[0][0]})"
        for context, key in wanted.keys() - present
    ]
    found += [f"left over: {key!r}" for _, key in present.keys() - wanted.keys()]
    found += [f"left over: {key!r}" for key in kept.obsolete]
    for where in present.keys() & wanted.keys():
        found += _judge(present[where])
    return sorted(found)


def compile_catalogs() -> int:
    """Compile each catalog that is newer than its compiled form; return how many."""
    count = 0
    for path in LOCALE.glob("*/LC_MESSAGES/*.po"):
        compiled = path.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime_ns >= path.stat().st_mtime_ns:
            continue
        with path.open("rb") as file:
            catalog = read_po(file, locale=path.parent.parent.name)
        draft = compiled.with_suffix(".mo.new")
        with draft.open("wb") as file:
            write_mo(file, catalog)
        draft.replace(compiled)
        count += 1
    return count


def _source_files() -> Iterator[Path]:
    for app in SOURCES:
        for path in sorted((ROOT / app).rglob("*")):
            if path.suffix in {".py", ".html", ".txt"} and "migrations" not in path.parts:
                yield path


def _chosen(spec: object, texts: tuple[str | None, ...]) -> tuple[tuple[str, ...], str | None]:
    """Return the message (and its plural) and the context among a call's arguments."""
    context: str | None = None
    chosen: list[str] = []
    for place in spec if isinstance(spec, tuple) else (1,):
        index = place[0] if isinstance(place, tuple) else place
        text = texts[index - 1] if len(texts) >= index else None
        if isinstance(place, tuple):
            context = text
        else:
            chosen.append(text or "")
    return tuple(chosen), context


def _key(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple | list) else message.id)


def _judge(message: Message) -> list[str]:
    sources = [str(part) for part in (message.id if isinstance(message.id, tuple | list) else [message.id])]
    texts = message.string if isinstance(message.string, tuple | list) else [message.string]
    if message.fuzzy:
        return [f"fuzzy: {sources[0]!r}"]
    if not all(texts):
        return [f"missing: {sources[0]!r}"]
    found = []
    for text in map(str, texts):
        # The plural names all placeholders, the singular may leave the number out.
        if _placeholders(text) not in [_placeholders(source) for source in sources]:
            found.append(f"other placeholders: {sources[0]!r} → {text!r}")
        if not HANGUL.search(text) and set(WORD.findall(PLACEHOLDER.sub(" ", text))) - LATIN:
            found.append(f"not Korean: {sources[0]!r} → {text!r}")
    return found


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w*\}", text.replace("%%", "")))
