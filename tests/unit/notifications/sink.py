"""A mail server of real sockets that takes mail, or misbehaves as it is told."""

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any


class Sink(socketserver.ThreadingTCPServer):
    """Keep what was sent as (recipient, text); ``manner`` says how each connection is treated."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, manner: str = "good") -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.manner = manner
        self.slow_for = ""
        self.mails: list[tuple[str, str]] = []
        self.stopped = threading.Event()


class Conversation(socketserver.StreamRequestHandler):
    """One client."""

    server: Sink

    def handle(self) -> None:
        """Speak just enough SMTP."""
        with contextlib.suppress(OSError):
            getattr(self, f"_{self.server.manner}")()

    def _good(self, slow_for: str = "") -> None:
        self._say("220 sink")
        to = ""
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
            if slow_for and verb == "RCPT" and to == slow_for:
                self.server.stopped.wait(30)
            if verb == "DATA":
                self._say("354 go on")
                text = self._text()
                self.server.mails.append((to, text))
            self._say("221 bye" if verb == "QUIT" else "250 ok")

    def _slow_for_the_first(self) -> None:
        self._good(slow_for=self.server.slow_for)

    def _hang(self) -> None:
        self.server.stopped.wait(30)

    def _hang_after_taking(self) -> None:
        self._say("220 sink")
        while line := self.rfile.readline().decode().strip():
            if line.upper() == "QUIT":
                self.server.stopped.wait(30)
                return
            if line.upper() == "DATA":
                self._say("354 go on")
                self.server.mails.append(("", self._text()))
            self._say("250 ok")

    def _drip(self) -> None:
        while not self.server.stopped.is_set():
            self.wfile.write(b"2")
            time.sleep(0.2)

    def _refuse(self) -> None:
        self._say("554 no service for ada@example.com")

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _text(self) -> str:
        lines = []
        while (line := self.rfile.readline().decode()) not in (".\r\n", ""):
            lines.append(line)
        return "".join(lines)


@contextlib.contextmanager
def sink(settings: Any, manner: str = "good") -> Iterator[Sink]:
    """Run such a server and send all mail to it, as EMAIL_URL=smtp:// would."""
    with Sink(manner) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        settings.EMAIL_BACKEND = "portal.notifications.smtp.DeadlineBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.socket.getsockname()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
