"""The kind ``http``: one call to another system, with the run's parameters in its address and body."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jobs.choices import ErrorClass
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from portal.accounts.models import User
from portal.outgoing import Answer, Mistyped, OutgoingError, call, check_url
from portal.said import joined, said, said_of

# What the run's row keeps of an answer, in bytes; a larger one is an error, not half a document.
LARGEST_ANSWER: Final = 256 * 1024
# Of an answer that is no JSON, in characters.
LONGEST_TEXT: Final = 4_000
# Of a refusal, in the log.
LONGEST_EXCERPT: Final = 1_000

_PLACE: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# These say where a message ends or goes; they are made, not given.
_OURS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "content-type", "idempotency-key"}
)


class HttpHeader(BaseModel):
    """A header: its value as written, or the value of a secret behind a prefix such as «Bearer »."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(title=gettext_noop("Name"), examples=["Authorization"])
    value: str = Field(default="", max_length=4_000, title=gettext_noop("Value"))
    secret: str = Field(
        default="",
        title=gettext_noop("Secret"),
        description=gettext_noop("Its name under «Secrets», in place of a value."),
        json_schema_extra={"widget": "secret"},
    )
    prefix: str = Field(
        default="",
        max_length=100,
        title=gettext_noop("Before the secret"),
        description=gettext_noop("For example «Bearer »."),
    )

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(said("a header's name holds letters, digits and - only"))
        if name.lower() in _OURS:
            raise ValueError(said("%(header)s is set by Data Desk itself", header=name))
        return name

    @field_validator("value", "prefix")
    @classmethod
    def _is_one_line(cls, text: str) -> str:
        if not text.isascii() or any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
            raise ValueError(said("a header's value is one line of plain ASCII"))
        return text

    @model_validator(mode="after")
    def _has_one_value(self) -> "HttpHeader":
        if bool(self.value) == bool(self.secret):
            raise ValueError(said("a header has either a value or a secret"))
        return self


class HttpConfig(BaseModel):
    """The call. ``{{ name }}`` in the address behind the host, and in the body, is the run's parameter.

    In an address a parameter is written with %, in a JSON body as JSON (``{"day": {{ day }}}``).
    """

    model_config = ConfigDict(extra="forbid")

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", title=gettext_noop("Method")
    )
    url: str = Field(
        title=gettext_noop("Address"),
        description=gettext_noop("{{ name }} behind the host is the run’s parameter of this name."),
        examples=["https://api.example.com/refresh/{{ day }}"],
    )
    headers: list[HttpHeader] = Field(default_factory=list, max_length=30, title=gettext_noop("Headers"))
    content_type: Literal["application/json", "text/plain", "application/x-www-form-urlencoded"] = Field(
        default="application/json", title=gettext_noop("Type of the body")
    )
    body: str = Field(
        default="",
        max_length=100_000,
        title=gettext_noop("Body"),
        description=gettext_noop(
            "{{ name }} is the run’s parameter of this name; in JSON it is written as JSON."
        ),
        json_schema_extra={"widget": "text"},
    )
    expected: list[int] = Field(
        default_factory=list,
        max_length=20,
        title=gettext_noop("Statuses that count as done"),
        description=gettext_noop("One a line. Without any: every status from 200 to 299."),
    )
    patience: int = Field(
        default=30, ge=1, le=300, title=gettext_noop("Seconds that the whole call may take")
    )

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        # An address that begins with a parameter has no host yet: the parameter would choose it.
        if "{{" in urlsplit(url).netloc or url.lstrip().startswith("{{"):
            raise ValueError(said("the host is written out: no parameter may choose where a secret goes"))
        try:
            check_url(_PLACE.sub("x", url))
        except Mistyped as error:
            raise ValueError(said_of(error)) from None
        return url

    @field_validator("expected")
    @classmethod
    def _are_statuses(cls, expected: list[int]) -> list[int]:
        if not all(200 <= status <= 599 for status in expected):
            raise ValueError(said("a status lies between 200 and 599"))
        return expected


class HttpError(Exception):
    """A call that did not bring what was expected; says whose fault it is."""

    def __init__(self, message: str, error_class: ErrorClass) -> None:
        super().__init__(message)
        self.error_class = error_class


class HttpRunner:
    """Call another system once an attempt; the same key goes with every attempt of a run."""

    Config: type[BaseModel] = HttpConfig
    label = _("HTTP call")
    icon = "globe"
    confined = False
    docs = _("Calls another system and keeps its answer. Secrets go into headers only.")

    def steps(self, job: Job) -> list[Step]:
        """Return the one step."""
        return [Step("call", _("Call the other system"))]

    def hints(self, config: dict[str, Any], schema: dict[str, Any], reader: User) -> Iterator[str]:
        """Say which parameters the call names that the job does not ask for."""
        named = set(_PLACE.findall(f"{config['url']} {config.get('body', '')}"))
        if missing := sorted(named - set(schema.get("properties") or ())):
            words = gettext(
                "The call names parameters that the job does not ask for: {names}. Add them to it."
            )
            yield words.format(names=", ".join(missing))

    def run(self, context: Context) -> dict[str, Any]:
        """Make the call and return status, answer and seconds."""
        config: HttpConfig = context.config
        url, body = _address(config, context.params), _body(config, context.params)
        headers = {
            # A system that knows it does the work once, however many attempts a run takes.
            "Idempotency-Key": str(context.run_id),
            **({"Content-Type": f"{config.content_type}; charset=utf-8"} if body else {}),
            **{header.name: header_value(header, context, config.url) for header in config.headers},
        }
        parts = urlsplit(url)
        shown = f"{config.method} {parts.scheme}://{parts.netloc}{parts.path}"
        with context.step("call"):
            began = time.monotonic()
            answer = _call(config, url, headers, body, shown)
            seconds = round(time.monotonic() - began, 3)
            context.log.info("%s: %s, %s bytes in %s s", shown, answer.status, len(answer.body), seconds)
            _check(config, answer, context, shown)
        return {"status": answer.status, "seconds": seconds, **_kept(answer)}

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep all of it."""
        return outputs


def _call(config: HttpConfig, url: str, headers: Mapping[str, str], body: bytes, shown: str) -> Answer:
    try:
        return call(
            config.method,
            url,
            headers=headers,
            body=body,
            patience=config.patience,
            largest_answer=LARGEST_ANSWER,
        )
    except OutgoingError as error:
        kind = ErrorClass.ELSEWHERE if error.may_heal else ErrorClass.REFUSED
        raise HttpError(joined(": ", [shown, said_of(error)]), kind) from error


def _check(config: HttpConfig, answer: Answer, context: Context, shown: str) -> None:
    if answer.status in config.expected or (not config.expected and answer.is_success):
        return
    if answer.body:
        context.log.error("%s", _text(answer)[:LONGEST_EXCERPT])
    wanted = ", ".join(map(str, config.expected)) or "2xx"
    message = said(
        "%(call)s answered %(status)s; %(wanted)s was expected.",
        call=shown,
        status=answer.status,
        wanted=wanted,
    )
    raise HttpError(message, ErrorClass.ELSEWHERE if answer.may_heal else ErrorClass.REFUSED)


def header_value(header: HttpHeader, context: Context, url: str) -> str:
    """Return what the header of a call to this address holds, its secret put in; raises HttpError."""
    if not header.secret:
        return header.value
    value = header.prefix + context.secret(header.secret, host=url)
    if not value.isascii() or any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        message = said(
            "The secret '%(name)s' is not one line of plain ASCII, so no header can hold it.",
            name=header.secret,
        )
        raise HttpError(message, ErrorClass.SETTINGS)
    return value


def _address(config: HttpConfig, params: Mapping[str, Any]) -> str:
    def put_in(found: re.Match[str]) -> str:
        text = quote(_plain(_parameter(found[1], params)), safe="")
        # «.» and «..» would lead to another path.
        return text.replace(".", "%2E") if set(text) <= {"."} else text

    return _PLACE.sub(put_in, config.url)


def _body(config: HttpConfig, params: Mapping[str, Any]) -> bytes:
    def put_in(found: re.Match[str]) -> str:
        value = _parameter(found[1], params)
        if config.content_type == "application/json":
            return json.dumps(value, ensure_ascii=False, default=str)
        text = _plain(value)
        return quote(text, safe="") if config.content_type.endswith("urlencoded") else text

    body = _PLACE.sub(put_in, config.body)
    if body and config.content_type == "application/json":
        try:
            json.loads(body)
        except ValueError as error:
            message = said("The body is no JSON once the parameters are put in: %(why)s.", why=error)
            raise HttpError(message, ErrorClass.SETTINGS) from error
    return body.encode("utf-8", "replace")


def _parameter(name: str, params: Mapping[str, Any]) -> Any:
    try:
        return params[name]
    except KeyError:
        message = said("The call names the parameter '%(name)s', which this run does not have.", name=name)
        raise HttpError(message, ErrorClass.SETTINGS) from None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _kept(answer: Answer) -> dict[str, Any]:
    """Return what the run's row can hold: JSON that the database takes, else the text's beginning."""
    try:
        found = answer.json()
        # Infinity, half of a surrogate pair and NUL are JSON to Python and none to PostgreSQL.
        text = json.dumps(found, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        return {"text": _text(answer)[:LONGEST_TEXT]} if answer.body else {}
    return {"answer": json.loads(text.replace("\\u0000", "\\ufffd"))}


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace").replace("\x00", "\ufffd")
