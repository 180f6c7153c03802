"""Copy the records of an HTTP API into a file of JSON lines, page by page."""

import json
import math
import re
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from django.utils.translation import gettext_noop

from jobs.choices import ErrorClass
from jobs.runners.base import Context
from jobs.runners.extraction.extracted import Counted, Extracted, ExtractError, not_reached
from jobs.runners.extraction.models import PARTITION, Cursor, HttpApi, NextUrl, Offsets, PageNumbers
from jobs.runners.http import HttpError, header_value
from portal.outgoing import Answer, OutgoingError, call
from portal.said import said, said_of

# Of one page, in bytes: it is held in memory.
LARGEST_PAGE: Final = 32 * 1024 * 1024
# How often a page is asked for while the other side says «not now», and the longest wait between, in seconds.
_TRIES: Final = 4
_LONGEST_WAIT: Final = 30.0
_AGAIN: Final = frozenset({408, 425, 429, 502, 503, 504})
_NO_SUCCESS: Final = gettext_noop("answered %(status)s")
_NO_ENTRY: Final = gettext_noop("answered %(status)s (is the secret right?)")
_NEXT: Final = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


def extract(context: Context, source: HttpApi, partition: str | None, path: Path) -> Extracted:
    """Write each record as a line of JSON to ``path``; raises ExtractError."""
    try:
        headers = {each.name: header_value(each, context, source.url) for each in source.headers}
    except HttpError as error:
        raise ExtractError(source.place, said_of(error), error.error_class) from error
    url: str | None = _first(source, partition)
    pages = count = 0
    before: bytes | None = None
    seen: set[str] = set()
    with path.open("w", encoding="utf-8") as opened:
        file = Counted(opened, context)
        while url is not None:
            if pages >= source.most_pages:
                reason = said(
                    "there are more than %(most)s pages (most_pages)", most=f"{source.most_pages:,}"
                )
                raise ExtractError(source.place, reason, ErrorClass.SETTINGS)
            if url in seen:
                reason = said(
                    "page %(page)s has the address of a page before: the paging goes round", page=pages + 1
                )
                raise _bad(source, reason)
            seen.add(url)
            answer = _page(context, source, url, headers)
            pages += 1
            records, document = _records(source, answer, pages)
            if records and pages == 1:
                _require_path(source, document)
            if records and answer.body == before:
                reason = said(
                    "page %(page)s is page %(before)s once more: is the parameter's name right?",
                    page=pages,
                    before=pages - 1,
                )
                raise _bad(source, reason)
            before = answer.body
            for number, record in enumerate(records, start=1):
                _write(file, source, record, page=pages, number=number)
            count += len(records)
            context.progress(None, f"{pages:,} pages, {count:,} records")
            url = _following(source, url, document, answer, len(records))
    return Extracted(path, "json", count)


def _write(file: Counted[str], source: HttpApi, record: Any, *, page: int, number: int) -> None:
    try:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        reason = said(
            "page %(page)s, record %(record)s holds «%(half)s», which is half a character",
            page=page,
            record=number,
            half=half,
        )
        raise _bad(source, reason) from error


def _number(written: str) -> float | str:
    """Return a number as JSON can hold it; one that would be rounded becomes a text, which is not."""
    number = float(written)
    return number if math.isfinite(number) and Decimal(repr(number)) == Decimal(written) else written


def _first(source: HttpApi, partition: str | None) -> str:
    text = quote(partition or "", safe="")
    # «.» and «..» would lead to another path.
    url = source.url.replace(PARTITION, text.replace(".", "%2E") if set(text) <= {"."} else text)
    match source.paging:
        case PageNumbers(parameter=name, first=first):
            return _with(url, {name: str(first)})
        case Offsets(parameter=name, limit_parameter=size, limit=limit):
            return _with(url, {name: "0", size: str(limit)})
    return url


def _following(source: HttpApi, url: str, document: Any, answer: Answer, found: int) -> str | None:
    """Return the address of the next page; None behind the last one."""
    match source.paging:
        case PageNumbers(parameter=name):
            return _with(url, {name: str(int(_asked(url, name)) + 1)}) if found else None
        case Offsets(parameter=name):
            # A page that is not full is no end: many servers give fewer records than they are asked for.
            return _with(url, {name: str(int(_asked(url, name)) + found)}) if found else None
        case Cursor(parameter=name, path=path):
            mark = _at(document, path)
            if isinstance(mark, dict | list):
                raise _bad(source, said("the mark at «%(path)s» is no text", path=path))
            return None if mark in (None, "", False) else _with(url, {name: str(mark)})
        case NextUrl(path=path):
            linked = _NEXT.search(answer.headers.get("link", ""))
            target = _at(document, path) if path else linked and linked[1]
            return _on_same_host(source, url, target) if target else None
    return None


def _on_same_host(source: HttpApi, url: str, target: Any) -> str:
    following = urljoin(url, str(target))
    here, there = urlsplit(url), urlsplit(following)
    if (here.scheme, here.netloc.lower()) != (there.scheme, there.netloc.lower()):
        reason = said(
            "the next page is on another host (%(host)s); the headers do not go there", host=there.netloc
        )
        raise ExtractError(source.place, reason, ErrorClass.REFUSED)
    return following


def _page(context: Context, source: HttpApi, url: str, headers: Mapping[str, str]) -> Answer:
    for tries in range(1, _TRIES + 1):
        try:
            answer = call(
                "GET",
                url,
                headers={"Accept": "application/json", **headers},
                patience=source.patience,
                largest_answer=LARGEST_PAGE,
            )
        except OutgoingError as error:
            raise not_reached(source.place, error) from error
        if answer.status not in _AGAIN or tries == _TRIES:
            break
        wait = _wait(answer, tries)
        context.log.warning("answered %d; asking again in %.0f s", answer.status, wait)
        time.sleep(wait)
    if not answer.is_success:
        kind = ErrorClass.ELSEWHERE if answer.may_heal else ErrorClass.REFUSED
        template = _NO_ENTRY if answer.status in {401, 403} else _NO_SUCCESS
        raise ExtractError(source.place, said(template, status=answer.status), kind)
    return answer


def _wait(answer: Answer, tries: int) -> float:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked) if asked.isascii() and asked.isdigit() else 2.0 ** (tries - 1), _LONGEST_WAIT)


def _records(source: HttpApi, answer: Answer, page: int) -> tuple[list[Any], Any]:
    try:
        document = json.loads(answer.body, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise _bad(source, said("page %(page)s is no JSON", page=page)) from error
    records = _at(document, source.records) if source.records else document
    if records is None and source.records and isinstance(document, dict):
        raise _bad(source, said("page %(page)s has nothing at «%(path)s»", page=page, path=source.records))
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        reason = (
            said("page %(page)s is no list of objects at «%(path)s»", page=page, path=source.records)
            if source.records
            else said("page %(page)s is no list of objects as a whole", page=page)
        )
        raise _bad(source, reason)
    return records, document


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def _require_path(source: HttpApi, document: Any) -> None:
    """Refuse a path to the next page that leads nowhere: one page would replace a table of many."""
    paging = source.paging
    if not isinstance(paging, Cursor | NextUrl) or not paging.path or paging.may_be_missing:
        return
    *before, last = paging.path.split(".")
    holder = _at(document, ".".join(before)) if before else document
    if not isinstance(holder, dict) or last not in holder:
        shown = holder if isinstance(holder, dict) else document if isinstance(document, dict) else {}
        keys = ", ".join(sorted(map(str, shown))[:20]) or said("no names")
        reason = said(
            "page 1 has nothing at «%(path)s», which leads to the next page; there are: %(names)s. "
            "If the last page leaves it out, say so in the paging (may_be_missing).",
            path=paging.path,
            names=keys,
        )
        raise _bad(source, reason)


def _asked(url: str, name: str) -> str:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))[name]


def _with(url: str, changes: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in changes]
    return urlunsplit(parts._replace(query=urlencode([*kept, *changes.items()])))


def _bad(source: HttpApi, reason: str) -> ExtractError:
    return ExtractError(source.place, reason, ErrorClass.BAD_INPUT)
