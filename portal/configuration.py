"""Read the settings that come from outside: environment variables and the folder VAR.

Every reader names its variable in the error, so that a typing mistake is one sentence, not a traceback.
"""

import os
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import dj_database_url

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED_FILE = "embedded.env"
_WORD = re.compile(r"[A-Za-z0-9_-]{1,60}")
_HOST = re.compile(r"(?P<host>[a-z0-9_.-]{1,253}|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_GIT = re.compile(r"(https?|ssh|file)://\S+|[A-Za-z0-9_.][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:\S+")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names the variable and what to do."""


class Mode(StrEnum):
    """What this installation is for: trying out with demo people and data, or real work."""

    DEMO = "demo"
    PRODUCTION = "production"


def text(name: str, default: str = "") -> str:
    """Return the variable's text without surrounding blanks, or the default where it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def integer(name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
    """Return a whole number within bounds."""
    raw = text(name, str(default))
    if not raw.isdigit() or not least <= int(raw) <= most:
        message = f"{name} is {raw!r}; it takes a whole number from {least} to {most}."
        raise ConfigurationError(message)
    return int(raw)


def word(name: str, default: str) -> str:
    """Return a word of letters, digits, - and _: it is put before the names of things that others see too."""
    raw = text(name, default)
    if not _WORD.fullmatch(raw):
        message = f"{name} is {raw!r}; it takes up to 60 letters, digits, - and _."
        raise ConfigurationError(message)
    return raw


def git_address(name: str) -> str:
    """Return the address of a Git repository: https, http, ssh, file, or user@host:path; "" where unset."""
    raw = text(name)
    if raw and not _GIT.fullmatch(raw):
        message = (
            f"{name} is no address of a Git repository: https://…, ssh://…, file:///… or user@host:path."
        )
        raise ConfigurationError(message)
    return raw


def hosts(name: str) -> tuple[tuple[str, int], ...]:
    """Return a list of host or host:port, separated by commas, as pairs; port 0 where none is given."""
    found = []
    for entry in filter(None, (part.strip().lower() for part in text(name).split(","))):
        match = _HOST.fullmatch(entry)
        port = int(match["port"] or 0) if match else 65536
        if match is None or port > 65535:
            message = f"{name} holds {entry!r}; it takes host or host:port, separated by commas."
            raise ConfigurationError(message)
        found.append((match["host"].strip("[]"), port))
    return tuple(found)


def packages(name: str) -> frozenset[str] | None:
    """Return names of packages, as the package index compares them; None where unset or ``*``: all of them.

    ``none`` is the empty set.
    """
    given = [part.strip() for part in text(name, "*").split(",") if part.strip()]
    if given in (["*"], ["none"]):
        return None if given == ["*"] else frozenset()
    for entry in given:
        if not _PACKAGE.fullmatch(entry):
            message = f"{name} holds {entry!r}; it takes names of packages, separated by commas, * or none."
            raise ConfigurationError(message)
    return frozenset(package_name(entry) for entry in given)


def package_name(raw: str) -> str:
    """Return a package's name as the package index compares it: Shop_Reports is shop-reports."""
    return re.sub("[-_.]+", "-", raw).lower()


def mode() -> Mode:
    """Return MODE: demo or production (the default)."""
    raw = text("MODE", Mode.PRODUCTION)
    try:
        return Mode(raw)
    except ValueError:
        message = f"MODE is {raw!r}; it takes demo or production."
        raise ConfigurationError(message) from None


def var_folder() -> Path:
    """Return VAR, the folder of everything that this installation writes (default: var beside manage.py)."""
    return Path(text("VAR", str(ROOT / "var"))).expanduser().absolute()


@dataclass(frozen=True, slots=True)
class Mail:
    """How mail leaves: Django's backend and, for SMTP, the server and the way to speak to it."""

    backend: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    tls: bool = False


def mail(url: str) -> Mail:
    """Read EMAIL_URL: console: (into the log), smtp://user:password@host:587/?tls=1 or smtps://….

    In user and password what has a meaning in addresses is written with %, as @ is %40.
    """
    if url == "console:":
        return Mail("django.core.mail.backends.console.EmailBackend")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    wrong = set(parse_qs(parts.query)) - {"tls"}
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or wrong:
        # The address holds a password: it is not repeated.
        message = (
            "EMAIL_URL takes console:, smtp://user:password@host:587/?tls=1 or smtps://user:password@host."
        )
        raise ConfigurationError(message)
    tls = parts.scheme == "smtps"
    return Mail(
        "portal.notifications.smtp.DeadlineBackend",
        host=parts.hostname,
        port=port or (465 if tls else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=not tls and parse_qs(parts.query).get("tls") == ["1"],
        tls=tls,
    )


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of the servers in use: the portal's database, the lake's catalog database, the broker."""

    database_url: str
    lake_url: str
    lake_reader_url: str
    redis_url: str


def servers(var: Path) -> Servers:
    """Return each server's address from the environment, else from what the embedded servers wrote under VAR.

    Without LAKE_URL the lake keeps its catalog in a schema of DATABASE_URL's own database.
    """
    embedded = _embedded(var)
    database = text("DATABASE_URL") or embedded.get("DATABASE_URL", "")
    redis = text("REDIS_URL") or embedded.get("REDIS_URL", "")
    if not database:
        raise ConfigurationError(_missing("DATABASE_URL", "postgresql://user:password@host:5432/name"))
    if not redis:
        raise ConfigurationError(_missing("REDIS_URL", "redis://host:6379/0"))
    own_database = bool(text("DATABASE_URL"))
    lake = text("LAKE_URL") or (database if own_database else embedded.get("LAKE_URL", database))
    reader = text("LAKE_READER_URL") or (
        lake if text("LAKE_URL") or own_database else embedded.get("LAKE_READER_URL", lake)
    )
    return Servers(database_url=database, lake_url=lake, lake_reader_url=reader, redis_url=redis)


def database(name: str, url: str) -> dict[str, object]:
    """Turn a postgresql:// address into Django's settings; the name is used in the error."""
    if not url.startswith(("postgres://", "postgresql://")):
        message = f"{name} must start with postgresql:// (Data Desk keeps its data in PostgreSQL only)."
        raise ConfigurationError(message)
    try:
        parsed = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    except (ValueError, dj_database_url.ParseError):
        # The parser's own words may quote a part of the password.
        message = f"{name} is not an address of the form postgresql://user:password@host:5432/name."
        raise ConfigurationError(message) from None
    if not parsed.get("NAME"):
        message = f"{name} names no database; it ends with /name."
        raise ConfigurationError(message)
    return parsed


def celery_broker_url(redis_url: str) -> str:
    """Translate REDIS_URL to Celery's form, which differs for sockets (redis+socket://…?virtual_host=1)."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    query["virtual_host"] = query.pop("db", "0")
    return f"redis+socket://{parts.netloc}{parts.path}?{urlencode(query)}"


def secret_key(var: Path, running_as: Mode) -> str:
    """Return SECRET_KEY; in demo mode one is made once and kept in VAR, in production it must be given."""
    given = text("SECRET_KEY")
    if given:
        if running_as is Mode.PRODUCTION and len(given) < 50:
            raise ConfigurationError(
                "SECRET_KEY is shorter than 50 characters; make one with: openssl rand -base64 48"
            )
        return given
    if running_as is Mode.PRODUCTION:
        raise ConfigurationError("SECRET_KEY is not set; make one with: openssl rand -base64 48")
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = var / "secret_key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text().strip()


def key_ring_file(var: Path) -> Path:
    """Return where the keys of secrets at rest are kept; it is made when first needed."""
    return Path(text("KEY_RING_FILE", str(var / "key_ring"))).expanduser().absolute()


def _embedded(var: Path) -> dict[str, str]:
    path = var / EMBEDDED_FILE
    if not path.is_file():
        return {}
    lines = (
        line.partition("=") for line in path.read_text().splitlines() if line and not line.startswith("#")
    )
    return {name: value for name, _, value in lines}


def _missing(name: str, example: str) -> str:
    return (
        f"{name} is not set and this folder has no embedded servers yet: "
        f"type make run once, or set {name} (for example {example})."
    )
