"""What a body tells its supervisor: progress and steps while it works, its result or its error at the end."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.choices import ErrorClass
from jobs.engine.artifacts import MOST_FILES, Announced
from jobs.engine.log_pump import redact
from portal.said import Said, said
from portal.storage import shown_name

# A message of this size holds the samples and profiles of dozens of datasets; more belongs into files.
MESSAGE_BYTES = 16 * 1024 * 1024
# What comes entry by entry may be larger, but the supervisor holds it, and one transaction writes it.
LARGEST_OUTPUTS = 256 * 1024 * 1024
# What a failure's sentence is made of, as JSON: whatever is longer is kept in one language only.
LONGEST_SAID = 6_000
MAX_STEPS = 200
# Seconds until somebody looks again after what goes on elsewhere.
LONGEST_PAUSE = 3600.0
_CLASSES = frozenset(ErrorClass.values)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as its run row keeps it."""

    error_class: ErrorClass
    message: str
    detail: str = ""
    # Where in a text it lies: ``line`` and ``column``, from 1; empty where nobody knows.
    place: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as the run row keeps it; with ``said`` its message can be read in other languages."""
        kept = {"class": str(self.error_class), "message": self.message, "detail": self.detail}
        if isinstance(self.message, Said):
            kept["said"] = self.message.kept
        return {**kept, "place": self.place} if self.place else kept


def failure_of(
    error_class: str,
    message: str,
    detail: str = "",
    place: Mapping[str, Any] | None = None,
    words: Iterable[str] = (),
    kept: object = None,
) -> Failure:
    """Return a failure with secrets and NULs removed and lengths bounded.

    ``kept`` is what the message is made of, where another process has said it.
    """
    known = ErrorClass(error_class) if error_class in _CLASSES else ErrorClass.USER_CODE
    words = tuple(words)

    def clean(text: str, limit: int) -> str:
        return redact(_writable(text), words)[-limit:]

    numbers = {
        name: number
        for name, number in (place or {}).items()
        if name in {"line", "column"} and isinstance(number, int)
    }
    told = clean(message, 2000)
    kept = message.kept if isinstance(message, Said) else kept
    if kept and len(json.dumps(kept)) <= LONGEST_SAID:
        told = Said(told, _without(kept, words))
    return Failure(known, told, clean(detail, 10_000), numbers)


@dataclass(slots=True)
class Report:
    """The state of what was told so far; ``progress`` is what goes into the run row.

    ``words`` are secrets that no message may keep. Where the work goes on ``elsewhere``, somebody looks after
    it in ``after`` seconds; ``stopped`` says that it was stopped there.
    """

    progress: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    failure: Failure | None = None
    artifacts: list[Announced] = field(default_factory=list)
    changed_step: bool = False
    elsewhere: dict[str, Any] | None = None
    after: float = 0.0
    stopped: bool = False
    words: tuple[str, ...] = ()
    _rest: bytes = b""
    _entries: dict[str, list[Any]] = field(default_factory=dict)
    _size: int = 0

    def feed(self, data: bytes) -> None:
        """Take what was read from the body's pipe: JSON objects, one a line; nonsense is left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MESSAGE_BYTES:
            self.failure = failure_of(ErrorClass.USER_CODE, said("The outputs are larger than 16 MB."))
            self._rest = b""
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                self._size += len(line) if message.get("type") == "entry" else 0
                self.take(message)

    def take(self, message: dict[str, Any]) -> None:
        """Take one message."""
        match message:
            case {"type": "progress"}:
                note = redact(_writable(str(message.get("note", ""))), self.words)
                self.progress |= {"fraction": _fraction(message.get("fraction")), "note": note}
            case {"type": "step", "key": str(key), "event": str(event), "at": str(at)}:
                self._step(_writable(key)[:100], event, at[:40])
            case {"type": "artifact", "number": int(number), "name": str(name)}:
                self._artifact(Announced(number, name, str(message.get("media_type", ""))[:100]))
            case {"type": "entry", "output": str(name), "entry": dict(entry)}:
                self._entry(name, self.cleaned(entry))
            case {"type": "result", "outputs": dict(outputs)}:
                self.outputs = self._entries | self.cleaned(outputs)
            case {"type": "elsewhere", "elsewhere": dict(elsewhere), "after": float(after) | int(after)}:
                self.elsewhere = self.cleaned(elsewhere)
                self.after = min(max(float(after), 0.1), LONGEST_PAUSE)
            case {"type": "stopped"}:
                self.stopped = True
            case {"type": "error"}:
                kind, text, detail = (str(message.get(name, "")) for name in ("class", "message", "detail"))
                place = message.get("place")
                known = place if isinstance(place, dict) else None
                self.failure = failure_of(kind, text, detail, known, self.words, message.get("said"))

    def cleaned(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs without the secrets' values: another system's answer may repeat them.

        Numbers that are none become null: JSON has no word for them, and by now what the run has published
        stands, so that its end must not fail for them.
        """
        without: dict[str, Any] = _without(outputs, self.words)
        return without

    def _entry(self, name: str, entry: dict[str, Any]) -> None:
        if self._size > LARGEST_OUTPUTS:
            self._entries.clear()
            self.failure = failure_of(ErrorClass.USER_CODE, said("The outputs are larger than 256 MB."))
            return
        self._entries.setdefault(name, []).append(entry)

    def _artifact(self, announced: Announced) -> None:
        if len(self.artifacts) == MOST_FILES:
            too_many = said("A run keeps at most %(most)s files.", most=MOST_FILES)
            self.failure = failure_of(ErrorClass.USER_CODE, too_many)
            return
        name = shown_name(announced.name)
        if any(each.name == name for each in self.artifacts):
            twice = said("The run made two files called %(name)s.", name=name)
            self.failure = failure_of(ErrorClass.USER_CODE, twice)
            return
        self.artifacts.append(replace(announced, name=name))

    def _step(self, key: str, event: str, at: str) -> None:
        steps = self.progress.setdefault("steps", [])
        self.changed_step = True
        if event == "started" and len(steps) < MAX_STEPS:
            steps.append({"key": key, "started_at": at, "ended_at": None})
            self.progress |= {"step": key, "fraction": None, "note": ""}
        elif event == "ended":
            for step in reversed(steps):
                if step["key"] == key and step["ended_at"] is None:
                    step["ended_at"] = at
                    break


def _writable(text: str) -> str:
    """Return the text without what PostgreSQL cannot keep: NUL, and halves of a character."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _fraction(told: Any) -> float | None:
    # A beat with a number that JSON does not know would be refused again and again, and the lease lost.
    known = isinstance(told, int | float) and math.isfinite(told)
    return min(max(float(told), 0.0), 1.0) if known else None


def _without(value: Any, words: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return redact(_writable(value), words) if words else _writable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_without(str(key), words): _without(each, words) for key, each in value.items()}
    return [_without(each, words) for each in value] if isinstance(value, list) else value
