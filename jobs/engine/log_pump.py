"""Carry a body's output into the run's log: split, cleaned, redacted, capped, written in batches."""

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import structlog
from django.conf import settings
from django.db import Error, connection

from jobs.engine.claim import Claim
from jobs.engine.held import words_to_hide

log = structlog.get_logger(__name__)

# A batch is written after this long, or when it has grown to this size, whatever comes first.
BATCH_SECONDS = 0.2
BATCH_BYTES = 64 * 1024
LINE_BYTES = 8 * 1024
# The longest secret that is recognised in a line that has to be cut.
OVERLAP = 4 * 1024
MAX_LINES = 10_000
MAX_BYTES = 5 * 1024 * 1024

# A line that carries its level begins with this and a letter; what a program prints by itself does not.
MARK = "\x1e"
LEVELS = {"D": "debug", "I": "info", "W": "warn", "E": "error"}

# Control characters would break the page or the database (NUL); tabs stay.
_CONTROLS = {code: "\ufffd" for code in range(32) if code != 9} | {127: "\ufffd"}
_SECRETS = re.compile(
    r"ddesk_[A-Za-z0-9_-]{16,}"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}\b|\bsk-[A-Za-z0-9_-]{20,}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{8,}"
    r"|(?i:(?:password|passwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;]{4,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*"
)
_REDACTED = "•••"

_WRITE = """
    INSERT INTO jobs_runlog (run_id, fence, first_line, lines)
    SELECT id, fence, %s, %s FROM jobs_run WHERE id = %s AND fence = %s AND state = 'running'
"""
_LINES_SO_FAR = """
    SELECT first_line + jsonb_array_length(lines) - 1 FROM jobs_runlog
    WHERE run_id = %s ORDER BY id DESC LIMIT 1
"""


def _own_secrets() -> list[str]:
    addresses = (settings.REDIS_URL, settings.LAKE_URL, settings.LAKE_READER_URL, settings.JOBS_GIT_URL)
    written = [urlsplit(str(address)).password or "" for address in addresses]
    own = [
        settings.SECRET_KEY,
        str(settings.DATABASES["default"].get("PASSWORD", "")),
        str(settings.EMAIL_HOST_PASSWORD),
        settings.OPENLINEAGE_API_KEY,
        *(key.partition(":")[2].strip() for key in settings.KEY_RING.split(",")),
    ]
    # In an address a password may be percent-encoded; others say it as it is.
    return [word for word in (*own, *written, *map(unquote, written)) if len(word) >= 8]


def redact(text: str, words: Iterable[str] = ()) -> str:
    """Replace what looks like a secret, and the portal's own and the given ones wherever they stand."""
    for word in (*words, *_own_secrets()):
        text = text.replace(word, _REDACTED)
    return _SECRETS.sub(_REDACTED, text)


class LogPump:
    """One attempt's log on its way into the database."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._words = words_to_hide(claim.secrets.values())
        self._rest = b""
        self._lines: list[list[str]] = []
        self._size = 0
        self._oldest = 0.0
        self._kept_lines = self._kept_bytes = self._dropped = 0
        self._next_line: int | None = 1 if claim.fence == 1 else None

    @property
    def due_in(self) -> float | None:
        """Return the seconds until a batch should be written; None while there is none."""
        if not self._lines:
            return None
        if self._size >= BATCH_BYTES:
            return 0.0
        return max(0.0, self._oldest + BATCH_SECONDS - time.monotonic())

    def feed(self, data: bytes) -> None:
        """Take what was read from the body's output, whole lines or not."""
        if self._dropped and not self._rest:
            # Beyond the cap nothing is decoded any more: a body may print gigabytes.
            self._dropped += data.count(b"\n")
            return
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        self._rest = b"" if self._dropped else self._shortened(rest)

    def say(self, level: str, text: str) -> None:
        """Add lines of the supervisor's own, or of an inline body."""
        for line in text.splitlines() or [""]:
            self._keep(level, line)

    def close(self) -> None:
        """Take the last line, which may have no end, and write everything that waits."""
        if self._rest:
            self._take(self._rest)
            self._rest = b""
        if self._dropped:
            self._append("warn", f"… {self._dropped:,} more lines were not kept")
            self._dropped = 0
        self.flush()

    def flush(self) -> None:
        """Write what waits, unless the run has another holder; keep it while the database does not answer."""
        if not self._lines:
            return
        claim = self._claim
        try:
            with connection.cursor() as cursor:
                if self._next_line is None:
                    cursor.execute(_LINES_SO_FAR, [claim.run_id])
                    self._next_line = (cursor.fetchone() or (0,))[0] + 1
                lines = json.dumps(self._lines, ensure_ascii=False)
                cursor.execute(_WRITE, [self._next_line, lines, claim.run_id, claim.fence])
        except Error as error:
            log.warning("run_log_not_written", run=claim.number, error=str(error))
            connection.close()
            self._oldest = time.monotonic() + 1.0
            return
        self._next_line += len(self._lines)
        self._lines, self._size = [], 0

    def _shortened(self, rest: bytes) -> bytes:
        """Take a line in pieces that goes on too long; return what is not taken yet."""
        # Secrets are hidden before the cut, and what may still grow into one is not cut: nobody would
        # recognise the halves.
        most = LINE_BYTES + OVERLAP
        if len(rest) > most:
            text = redact(rest.decode("utf-8", "surrogateescape"), self._words)
            rest = text.encode("utf-8", "surrogateescape")
        while len(rest) > most:
            self._take(rest[:LINE_BYTES])
            rest = rest[LINE_BYTES:]
        return rest

    def _take(self, raw: bytes) -> None:
        text = raw.decode("utf-8", errors="replace")
        level = "info"
        if text.startswith(MARK):
            level = LEVELS.get(text[1:2], "info")
            text = text[2:]
        self._keep(level, text.rstrip("\r"))

    def _keep(self, level: str, line: str) -> None:
        text = redact(line.translate(_CONTROLS), self._words) if not self._dropped else ""
        for begin in range(0, max(len(text), 1), LINE_BYTES):
            self._keep_piece(level, text[begin : begin + LINE_BYTES])

    def _keep_piece(self, level: str, text: str) -> None:
        if self._dropped:
            self._dropped += 1
            return
        self._kept_lines += 1
        self._kept_bytes += len(text)
        if self._kept_lines > MAX_LINES or self._kept_bytes > MAX_BYTES:
            self._append("warn", f"… the log is full ({MAX_LINES:,} lines or {MAX_BYTES // 1024**2} MB)")
            self._dropped = 1
            return
        self._append(level, text)

    def _append(self, level: str, text: str) -> None:
        if not self._lines:
            self._oldest = time.monotonic()
        self._lines.append([datetime.now(UTC).isoformat(timespec="milliseconds"), level, text])
        self._size += len(text) + 40
