"""Certificates made for one test, and a server that puts TLS before a database of this machine."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Begins TLS on a connection: what the client says first, and what the server does until both change over.
Upgrade = Callable[[socket.socket, socket.socket, ssl.SSLContext], ssl.SSLSocket]
_MYSQL_TLS = 0x08
_MYSQL_OK, _MYSQL_ERROR = 0x00, 0xFF


@dataclass(frozen=True)
class Authority:
    """Who signs certificates; made for one test."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _certificate(name, key, issuer=name, signed_by=key, ca=True))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, address: str) -> tuple[str, str]:
        """Return a certificate for an address and its key, both in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        made = _certificate("database", key, issuer=issuer, signed_by=self.key, ca=False, address=address)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: str,
    signed_by: ec.EllipticCurvePrivateKey,
    ca: bool,
    address: str = "",
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    names = [x509.IPAddress(ipaddress.ip_address(address))] if address else [x509.DNSName(name)]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(signed_by, hashes.SHA256())
    )


@contextmanager
def secured(
    connect: Callable[[], socket.socket], upgrade: Upgrade, certificate: tuple[str, str], folder: Path
) -> Iterator[int]:
    """Serve TLS with a certificate and its key on 127.0.0.1, and yield the port."""
    path = folder / "server.pem"
    path.write_text("".join(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            # The end of the test closes the listening socket.
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=carry, args=(client,), daemon=True).start()

        def carry(client: socket.socket) -> None:
            with client, connect() as server, suppress(OSError), upgrade(client, server, context) as secure:
                back = threading.Thread(target=_pass_on, args=(server, secure), daemon=True)
                back.start()
                _pass_on(secure, server)
                back.join(10)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def of_postgresql(client: socket.socket, server: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Agree to PostgreSQL's request for TLS, of eight bytes."""
    _read(client, 8)
    client.sendall(b"S")
    return tls.wrap_socket(client, server_side=True)


def of_mysql(client: socket.socket, server: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Say in MySQL's greeting that there is TLS, and keep the packet that asks for it from the server.

    Packets are counted until the sign-in is over, so all of them change their number.
    """
    _, greeting = _packet(server)
    # The version ends with a zero; 4 bytes of the session's number, 8 of salt and a zero come before.
    flags = greeting.index(b"\0", 1) + 1 + 4 + 8 + 1 + 1
    changed = bytes([greeting[flags] | _MYSQL_TLS])
    _send(client, 0, greeting[:flags] + changed + greeting[flags + 1 :])
    _packet(client)
    secure = tls.wrap_socket(client, server_side=True)
    try:
        _sign_in(secure, server)
    except BaseException:
        secure.close()
        raise
    return secure


def _sign_in(secure: ssl.SSLSocket, server: socket.socket) -> None:
    said = b"?"
    while said[0] != _MYSQL_OK:
        number, said = _packet(secure)
        # Without TLS on its side the server must not read that there is.
        said = said[:1] + bytes([said[1] & ~_MYSQL_TLS]) + said[2:] if number == 2 else said
        _send(server, number - 1, said)
        number, said = _packet(server)
        _send(secure, number + 1, said)
        if said[0] == _MYSQL_ERROR:
            break


def _packet(source: socket.socket) -> tuple[int, bytes]:
    head = _read(source, 4)
    return head[3], _read(source, int.from_bytes(head[:3], "little"))


def _send(target: socket.socket, number: int, body: bytes) -> None:
    target.sendall(len(body).to_bytes(3, "little") + bytes([number]) + body)


def _read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
