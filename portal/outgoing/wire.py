"""The connection itself: to the address that was judged, under one deadline for the whole call.

httpcore asks its network backend for a connection to a *name*; this one resolves it, judges what comes out
and connects to that very address. There is no second look-up that could give another answer. Server name of
TLS and the Host header stay the name's.
"""

import contextlib
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpcore
import httpx

from portal.outgoing.destinations import Destination, addresses_of
from portal.outgoing.exceptions import BadCertificate, NoConnection, OutgoingError, OutOfTime


class Deadline:
    """When the whole call has to be over, by this process's monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; raises OutOfTime when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise OutOfTime
        return left


class _HurriedStream(httpcore.NetworkStream):
    """A connection whose every step gets no more than what is left: a drip of bytes gains nothing."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left)
        return _HurriedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _JudgedNetwork(httpcore.NetworkBackend):
    """Connects to one destination only, by an address that was judged."""

    def __init__(self, destination: Destination, deadline: Deadline) -> None:
        self._destination = destination
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = NoConnection()
        for address in addresses_of(self._destination, self._deadline.left):
            try:
                stream = httpcore.SyncBackend().connect_tcp(
                    address, self._destination.port, self._deadline.left
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _HurriedStream(stream, self._deadline)
        raise failed


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with translated():
            yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


class JudgedTransport(httpx.BaseTransport):
    """httpx's way to one destination."""

    def __init__(self, destination: Destination, deadline: Deadline) -> None:
        self._pool = httpcore.ConnectionPool(
            # SSL_CERT_FILE adds a company's own authority.
            ssl_context=httpx.create_ssl_context(),
            network_backend=_JudgedNetwork(destination, deadline),
            max_connections=1,
            retries=0,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer's body is read later, under the same deadline."""
        url = request.url
        passed = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
        )
        with translated():
            answer = self._pool.handle_request(passed)
        assert isinstance(answer.stream, Iterable)  # noqa: S101 - for the type checker
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream))

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.close()


@contextlib.contextmanager
def send(
    method: str,
    url: str,
    destination: Destination,
    seconds: float,
    *,
    headers: Mapping[str, str],
    body: bytes,
) -> Iterator[httpx.Response]:
    """Send one request and give its answer, whose body is still to be read; all of it within these seconds.

    Not by httpx's client: that writes each address into the log, and a hook's address is a password.
    """
    transport = JudgedTransport(destination, Deadline(seconds))
    request = httpx.Request(method, url, headers=headers, content=body)
    with contextlib.closing(transport), contextlib.closing(transport.handle_request(request)) as answer:
        yield answer


class translated:  # noqa: N801 - reads as a statement
    """Turn the library's errors into ours; their words may quote addresses."""

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise ours in the place of theirs."""
        if error is None or isinstance(error, OutgoingError):
            return
        if isinstance(error, httpcore.TimeoutException | TimeoutError):
            raise OutOfTime from error
        if isinstance(error, httpcore.ConnectError) and _is_about_certificate(error):
            raise BadCertificate from error
        if isinstance(error, httpcore.NetworkError | httpcore.ProtocolError | OSError):
            raise NoConnection from error


def _is_about_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
