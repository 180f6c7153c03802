"""Look at the configured addresses and the port before anything starts; what is wrong is one sentence."""

import errno
import socket
import time

import psycopg2
import redis

from portal import configuration as conf
from portal.configuration import ConfigurationError

OLDEST_POSTGRES = 15
PATIENCE = 5
# A web process that was told to end a moment ago may still hold the port.
PORT_PATIENCE = 3.0


def check_database(name: str, url: str) -> None:
    """Connect once; the error names the variable and never shows the password."""
    settings = conf.database(name, url)
    try:
        connection = psycopg2.connect(url, connect_timeout=PATIENCE)
    except (psycopg2.Error, UnicodeError) as error:
        password = str(settings.get("PASSWORD") or "")
        reason = _one_line(str(error)).replace(password, "***") if password else _one_line(str(error))
        message = f"{name}: PostgreSQL does not let us in ({reason})."
        raise ConfigurationError(message) from None
    version = connection.server_version // 10_000
    connection.close()
    if version < OLDEST_POSTGRES:
        message = f"{name} leads to PostgreSQL {version}; Data Desk needs {OLDEST_POSTGRES} or newer."
        raise ConfigurationError(message)


def check_broker(name: str, url: str) -> None:
    """Ask Redis or Valkey for one answer."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        message = f"{name} must start with redis://, rediss:// or unix:// (for example redis://host:6379/0)."
        raise ConfigurationError(message)
    try:
        with redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE) as client:
            client.ping()
    except ValueError:
        message = f"{name} is not an address of the form redis://:password@host:6379/0."
        raise ConfigurationError(message) from None
    except (redis.RedisError, OSError) as error:
        message = f"{name}: no Redis or Valkey lets us in there ({_one_line(str(error))})."
        raise ConfigurationError(message) from None


def open_port(host: str, port: int, *, patience: float = PORT_PATIENCE) -> socket.socket:
    """Take the port and keep it: connections wait in its queue while the web starts, also the second time."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        message = f"HOST is {host!r}, which is no address of this machine."
        raise ConfigurationError(message) from None
    end = time.monotonic() + patience
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(512)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE and time.monotonic() < end:
                time.sleep(0.1)
                continue
            raise ConfigurationError(_port_message(host, port, error)) from None
        return listener


def _port_message(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken; set PORT to a free one, for example: PORT={port + 1} make run"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than you have; set PORT to one from 1024 up."
    return f"HOST {host} with PORT {port} cannot be opened ({error.strerror})."


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
