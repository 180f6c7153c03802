"""Start dbt in a process of its own, give it orders, and carry its log lines into the run's log."""

import json
import subprocess
import sys
import uuid
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from django.conf import settings

from jobs.runners.base import Context
from portal.said import said

_LONGEST_LINE: Final = 1_000_000
_LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "error": 40}


class DbtDied(Exception):
    """dbt's process ended before it had answered."""

    error_class = "crash"


class DbtProcess:
    """The process of ``child``; it ends with the ``with`` block, whatever it does."""

    def __init__(self, context: Context, *, folder: Path, hidden: Collection[str]) -> None:
        """Start it in ``folder``; texts of ``hidden`` never reach the log."""
        self._context, self._hidden = context, [text for text in hidden if text]
        self.mark = f"@{uuid.uuid4().hex} "
        self._done = self._total = 0
        self._last: list[str] = []
        # Nothing of our own environment, where keys may be; the project's text could read it.
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(settings.BASE_DIR),
            "PYTHONSAFEPATH": "1",
            "DO_NOT_TRACK": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jobs.runners.dbt.child"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )

    def __enter__(self) -> Self:
        """Use it in a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # An order that was not read any more.
                    continue

    def expect(self, total: int) -> None:
        """Say how many nodes are going to be worked on: progress is told by them."""
        self._total = total

    def ask(self, order: dict[str, Any], *, least: str = "info") -> dict[str, Any]:
        """Give an order and return its answer; lines below the level ``least`` are left out of the log."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 # both were asked for above
        assert stdout is not None  # noqa: S101
        try:
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()
        except BrokenPipeError:
            self._fail(stdout.read(_LONGEST_LINE))
        while line := stdout.readline(_LONGEST_LINE):
            if line.startswith(self.mark):
                # A large project's answer is longer than a line of its log may be.
                while not line.endswith("\n") and (more := stdout.readline(_LONGEST_LINE)):
                    line += more
                found: dict[str, Any] = json.loads(line.removeprefix(self.mark))
                return found
            self._take(line, least)
        self._fail("")
        return {}

    def _fail(self, words: str) -> None:
        words = self._clean(words).strip() or "\n".join(self._last)
        last = words[-600:] or said("it said nothing")
        raise DbtDied(said("dbt's process ended before its end: %(words)s", words=last))

    def _take(self, line: str, least: str) -> None:
        """Write a line to the log by its level, and count the node that it tells of."""
        try:
            event = json.loads(line)
            info, data = event["info"], event.get("data") or {}
            level, words, name = str(info["level"]), str(info["msg"]), str(info["name"])
        except (ValueError, KeyError, TypeError):
            # What a program prints, such as the project's Python or the interpreter's last words.
            words = self._clean(line).rstrip()
            self._last = [*self._last[-20:], words]
            self._context.log.info("%s", words)
            return
        if words.strip() and _LEVELS.get(level, 20) >= _LEVELS[least]:
            self._context.log.log(_LEVELS.get(level, 20), "%s", self._clean(words).strip("\n"))
        if "index" in data and "node_info" in data and name != "LogStartLine" and self._total:
            self._done += 1
            node = str(data["node_info"].get("node_name", ""))
            self._context.progress(self._done / self._total, f"{self._done}/{self._total} {node}")

    def _clean(self, text: str) -> str:
        for hidden in self._hidden:
            text = text.replace(hidden, "***")
        return text
