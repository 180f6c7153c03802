"""Start everything: `python -m portal.launch` (what `make run` calls)."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from portal import configuration as conf
from portal.configuration import LOOPBACK, ROOT, ConfigurationError, Mode
from portal.embedded import servers
from portal.embedded.process import EmbeddedError, lock, private_folder
from portal.launch.checks import check_broker, check_database, open_port
from portal.launch.children import Child, commands, end_with_parent
from portal.launch.copies import load
from portal.launch.handed import LISTEN, MCP_LISTEN, RELOAD
from portal.launch.screen import complain, say, step
from portal.launch.supervisor import Signals, Supervisor

FAILED = 1
# The one before may be about to end.
ALONE_PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class Start:
    """What was asked for: from environment variables and the command line."""

    var: Path
    mode: Mode
    host: str
    port: int
    reload: bool

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the portal."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared only
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def main() -> int:
    """Start, watch and stop the portal; return the exit code."""
    began = time.monotonic()
    signals = Signals()
    try:
        with ExitStack() as stack:
            stack.enter_context(signals.listening())
            start = _read(reload="--reload" in sys.argv[1:])
            return _run(start, signals, stack, began)
    except (ConfigurationError, EmbeddedError) as error:
        complain(str(error))
        return FAILED


def _read(*, reload: bool) -> Start:
    if reload:
        os.environ.setdefault("LOG_FORMAT", "text")
        os.environ.setdefault("DEBUG", "1")
    host = conf.text("HOST", "127.0.0.1")
    mode = conf.mode()
    if mode is Mode.PRODUCTION:
        conf.secret_key(conf.var_folder(), mode)
    return Start(conf.var_folder(), mode, host, conf.integer("PORT", 8000, least=1, most=65535), reload)


def _run(start: Start, signals: Signals, stack: ExitStack, began: float) -> int:
    private_folder(start.var)
    stack.enter_context(_alone(start))
    _check_addresses()
    listener = stack.enter_context(open_port(start.host, start.port))
    mcp = _open_mcp(start, stack)
    say(f"Data Desk starts in {start.mode} mode; everything it writes is in {start.var}")
    _start_servers(start, stack)
    prepared = _prepare(signals)
    if prepared is None:
        return 0 if signals.stops else FAILED
    env = os.environ | {LISTEN: f"fd://{listener.fileno()}", RELOAD: "1" if start.reload else ""}
    if mcp is not None:
        env[MCP_LISTEN] = str(mcp.fileno())
    logs = private_folder(start.var / "log")
    children = [
        Child(command, env=env, log=logs / f"{command.name}.log", to_terminal=start.reload)
        for command in commands(listener.fileno(), mcp.fileno() if mcp else None, reload=start.reload)
    ]
    supervisor = Supervisor(children, signals)
    try:
        with step("Web, worker and clock"):
            if not start.reload:
                load()
            started = supervisor.start(f"{start.address}/livez")
        if not started:
            return 0 if signals.stops else FAILED
        _welcome(start, prepared, time.monotonic() - began)
        if mcp is not None:
            port = mcp.getsockname()[1]
            say(f"Assistants find the MCP server at http://{start.host}:{port}/mcp, with an API token.")
        supervisor.run(reload=start.reload)
        say("\nStopping …")
    finally:
        supervisor.stop()
    return 0


def _open_mcp(start: Start, stack: ExitStack) -> socket.socket | None:
    """Take the MCP server's port: MCP_PORT, where 0 is none, else the next one if it is free."""
    chosen = conf.text("MCP_PORT")
    port = conf.integer("MCP_PORT", min(start.port + 1, 65535), most=65535)
    if not port:
        return None
    try:
        return stack.enter_context(open_port(start.host, port, **({} if chosen else {"patience": 0.0})))
    except ConfigurationError:
        if chosen:
            raise
        say(f"Port {port} is taken, so the MCP server is left out; MCP_PORT gives it another one.")
        return None


def _alone(start: Start) -> AbstractContextManager[None]:
    return lock(
        start.var / "desk.lock",
        seconds=ALONE_PATIENCE,
        busy=lambda holder: (
            f"{holder} runs Data Desk in {start.var} already: stop it first, "
            "or give this one a folder and a port of its own (VAR and PORT)."
        ),
    )


def _check_addresses() -> None:
    for name in ("DATABASE_URL", "LAKE_URL", "LAKE_READER_URL"):
        if url := conf.text(name):
            check_database(name, url)
    if url := conf.text("REDIS_URL"):
        check_broker("REDIS_URL", url)


def _start_servers(start: Start, stack: ExitStack) -> None:
    database, broker = not conf.text("DATABASE_URL"), not conf.text("REDIS_URL")
    if not database and not broker:
        return
    names = " and ".join(name for name, own in (("PostgreSQL", database), ("Valkey", broker)) if own)
    with step(names) as current:
        # Before the start: also half a start is stopped in the end.
        stack.callback(_stop_servers, start.var)
        started = servers.start(start.var, database=database, broker=broker, say=say)
        if not started.fresh:
            current.note = "still there, taken over"


def _stop_servers(var: Path) -> None:
    servers.stop(var)
    say("Stopped; everything is kept.")


def _prepare(signals: Signals) -> dict[str, str] | None:
    """Run the preparation in a process of its own: what it needs and leaves behind goes with it."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.launch.prepare", str(writer)],
        cwd=ROOT,
        start_new_session=True,
        pass_fds=(writer,),
        preexec_fn=end_with_parent(os.getpid()),  # noqa: PLW1509 - this process has one thread
    )
    os.close(writer)
    while process.poll() is None:
        if signals.stops:
            process.terminate()
        signals.wait(0.2)
    with os.fdopen(reader) as answer:
        text = answer.read()
    return dict(json.loads(text)) if process.returncode == 0 and text else None


def _welcome(start: Start, prepared: dict[str, str], seconds: float) -> None:
    say(f"\nData Desk is ready after {seconds:.1f} s:  {start.address}")
    if link := prepared.get("first_administrator"):
        say(f"Nobody can sign in yet. This link makes the first administrator, once:\n  {link}")
    elif start.mode is Mode.DEMO and start.host in LOOPBACK:
        say("To sign in, choose one of the demo people on the page; no password is needed.")
    else:
        say("Sign in with your e-mail address and password.")
    say(f"Logs are in {start.var / 'log'}; Ctrl-C stops everything and keeps the data.")


if __name__ == "__main__":
    sys.exit(main())
