"""What a body tells its supervisor: progress and steps while it works, its result or its error at the end."""

import json
from dataclasses import dataclass, field
from typing import Any

from jobs.choices import ErrorClass
from jobs.engine.log_pump import redact

# A message of this size holds the samples and profiles of dozens of datasets; more belongs into files.
MESSAGE_BYTES = 16 * 1024 * 1024
MAX_STEPS = 200
_CLASSES = frozenset(ErrorClass.values)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as its run row keeps it."""

    error_class: ErrorClass
    message: str
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as the run row keeps it."""
        return {"class": str(self.error_class), "message": self.message, "detail": self.detail}


def failure_of(error_class: str, message: str, detail: str = "") -> Failure:
    """Return a failure with secrets and NULs removed and lengths bounded."""
    known = ErrorClass(error_class) if error_class in _CLASSES else ErrorClass.USER_CODE

    def clean(text: str, limit: int) -> str:
        return redact(text.replace("\x00", "\ufffd"))[-limit:]

    return Failure(known, clean(message, 2000), clean(detail, 10_000))


@dataclass(slots=True)
class Report:
    """The state of what was told so far; ``progress`` is what goes into the run row."""

    progress: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    failure: Failure | None = None
    changed_step: bool = False
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take what was read from the body's pipe: JSON objects, one a line; nonsense is left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MESSAGE_BYTES:
            self.failure = failure_of(ErrorClass.USER_CODE, "The outputs are larger than 16 MB.")
            self._rest = b""
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                self.take(message)

    def take(self, message: dict[str, Any]) -> None:
        """Take one message."""
        match message:
            case {"type": "progress"}:
                self.progress |= {"fraction": message.get("fraction"), "note": str(message.get("note", ""))}
            case {"type": "step", "key": str(key), "event": str(event), "at": str(at)}:
                self._step(key[:100], event, at[:40])
            case {"type": "result", "outputs": dict(outputs)}:
                self.outputs = outputs
            case {"type": "error"}:
                texts = (str(message.get(name, "")) for name in ("class", "message", "detail"))
                self.failure = failure_of(*texts)

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
