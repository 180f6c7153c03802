"""A30, F36: calls to other systems go where they may, to the judged address, and come back in time."""

import datetime as dt
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal import configuration, outgoing
from portal.outgoing import destinations
from tests.receiver import Receiver


@pytest.fixture
def receiver():
    with Receiver() as running:
        yield running


@pytest.fixture
def allowed(settings, receiver):
    settings.OUTGOING_ALLOW = (("127.0.0.1", receiver.port), ("localhost", receiver.port))


def test_it_sends_and_brings_back_what_was_said(receiver, allowed):
    receiver.status, receiver.headers, receiver.body = 201, {"X-Two": "b"}, b'{"a": 1}'
    answer = outgoing.call("POST", receiver.url("/p?q=%20"), headers={"X-One": "a"}, body=b"hello")
    assert (answer.status, answer.headers["x-two"], answer.json()) == (201, "b", {"a": 1})
    assert answer.is_success
    got = receiver.received[0]
    assert (got.method, got.path, got.body) == ("POST", "/p?q=%20", b"hello")
    assert got.headers["x-one"] == "a"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0.0.0.0",  # noqa: S104
        "2130706433", "0x7f000001", "0177.1", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "100.64.0.1", "[fc00::1]", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "168.63.129.16", "localhost", "localhost.", "LOCALHOST",
    ],
)  # fmt: skip
def test_a30_nothing_inside_is_called(receiver, settings, host, caplog):
    settings.OUTGOING_ALLOW = ()
    with pytest.raises(outgoing.Refused) as refused:
        outgoing.call("GET", f"https://{host}:8443/secret-path")
    assert "127" not in str(refused.value)
    assert receiver.received == []
    assert "outgoing_failed" in caplog.text
    assert "secret-path" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "//example.com/", "example.com",
        "", "https://", "https:///path", "http://example.com/", "https://user:pw@example.com/",
        "https://user@example.com/", "https://example.com:22/", "https://example.com:5432/",
        "https://example.com:6379/", "https://example.com:99999/", "https://example.com/a b",
        "https://example.com/\r\nHost: x", "https://exa\tmple.com/", "https://example.com\\@evil.example/",
        "https://[::1", "https://example.com/" + "a" * 2000, "https://0177.0.0.1/", "https://\u2100\ufffd/",
    ],
)  # fmt: skip
def test_a30_an_address_that_is_none_is_told_what_to_change(url):
    with pytest.raises(outgoing.Mistyped) as refused:
        outgoing.check_url(url)
    assert str(refused.value)


def test_the_host_is_whole_or_not_allowed(receiver, settings):
    settings.OUTGOING_ALLOW = (("127.0.0.1", receiver.port + 1), ("0.0.1", 0), ("127.0.0.1.example", 0))
    with pytest.raises(outgoing.Mistyped):
        outgoing.call("GET", receiver.url())
    settings.OUTGOING_ALLOW = (("127.0.0.1", 0),)
    with pytest.raises(outgoing.Mistyped):
        outgoing.call("GET", receiver.url())
    assert receiver.received == []


def test_a32_a_name_is_asked_once_and_its_answer_is_where_the_call_goes(receiver, settings, monkeypatch):
    """DNS rebinding: the second answer would lead elsewhere."""
    settings.OUTGOING_ALLOW = (("hooks.example", receiver.port),)
    asked = []

    def resolve(host, port, *_, **__):
        # Connecting asks as well, but for an address: that is no question any more.
        address = host
        if not host[0].isdigit():
            asked.append(host)
            address = "127.0.0.1" if len(asked) == 1 else "10.9.9.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answer = outgoing.call("GET", receiver.url(host="hooks.example"))
    assert answer.status == 200
    assert asked.count("hooks.example") == 1
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"


def test_a32_one_address_inside_among_public_ones_is_enough_to_refuse(monkeypatch):
    def resolve(host, port, **_):
        found = ["93.184.215.14", "10.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(outgoing.Refused):
        outgoing.call("GET", "https://both.example/")


def test_public_addresses_are_public():
    for address in ("93.184.215.14", "1.1.1.1", "2606:4700:4700::1111"):
        assert destinations.is_public(address)


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "//10.0.0.1/", "/", ""]
)
def test_a31_a_redirect_is_an_answer_and_not_a_way(receiver, allowed, location):
    """Neither into a network of ours nor round and round: "" leads to the very address that was called."""
    receiver.status, receiver.headers = 302, {"Location": location or receiver.url()}
    answer = outgoing.call("GET", receiver.url())
    assert answer.status == 302
    assert len(receiver.received) == 1


@pytest.mark.parametrize("behaviour", ["hang", "drip"])
def test_f36_the_whole_call_has_one_deadline(receiver, allowed, behaviour):
    receiver.behave = getattr(receiver, behaviour)
    began = time.monotonic()
    with pytest.raises(outgoing.OutOfTime):
        outgoing.call("GET", receiver.url(), patience=0.5)
    assert time.monotonic() - began < 5


def test_f36_a_slow_name_server_counts_too(monkeypatch):
    def resolve(*_, **__):
        time.sleep(1)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    began = time.monotonic()
    with pytest.raises(outgoing.OutOfTime):
        outgoing.call("GET", "https://slow.example/", patience=0.2)
    assert time.monotonic() - began < 0.9


def test_f36_a_broken_answer_and_a_closed_port(receiver, allowed, settings):
    receiver.behave = receiver.reset
    with pytest.raises(outgoing.NoConnection):
        outgoing.call("GET", receiver.url())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings.OUTGOING_ALLOW = (("127.0.0.1", port),)
    with pytest.raises(outgoing.NoConnection):
        outgoing.call("GET", f"http://127.0.0.1:{port}/")


def test_an_unknown_name(monkeypatch):
    def resolve(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(outgoing.NoConnection, match="name is not known"):
        outgoing.call("GET", "https://nowhere.example/")


def test_a33_the_answer_is_bounded_also_without_a_length(receiver, allowed):
    receiver.body = b"x" * 1000
    with pytest.raises(outgoing.AnswerTooLarge):
        outgoing.call("GET", receiver.url(), largest_answer=999)
    assert len(outgoing.call("GET", receiver.url(), largest_answer=1000).body) == 1000

    def endless(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not receiver.released.is_set():
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    receiver.behave = endless
    with pytest.raises(outgoing.AnswerTooLarge):
        outgoing.call("GET", receiver.url())


def test_a33_a_packed_answer_stays_packed(receiver, allowed):
    receiver.headers, receiver.body = {"Content-Encoding": "gzip"}, b"\x1f\x8b not unpacked"
    assert outgoing.call("GET", receiver.url()).body == receiver.body
    assert receiver.received[0].headers["accept-encoding"] == "identity"


def test_proxies_of_the_environment_are_not_asked(receiver, allowed, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert outgoing.call("GET", receiver.url()).status == 200


def test_a_forged_header_is_not_sent(receiver, allowed):
    with pytest.raises(outgoing.OutgoingError):
        outgoing.call("GET", receiver.url(), headers={"X": "a\r\nY: b"})
    assert receiver.received == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def secured(certificate):
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with Receiver(tls=context) as running:
        running.names = asked
        yield running


def test_tls_asks_for_the_name_and_checks_it(secured, certificate, settings, monkeypatch):
    settings.OUTGOING_ALLOW = (("localhost", secured.port), ("127.0.0.1", secured.port))
    with pytest.raises(outgoing.OutgoingError, match="certificate is not valid"):
        outgoing.call("GET", f"https://localhost:{secured.port}/")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert outgoing.call("GET", f"https://localhost:{secured.port}/").status == 200
    assert secured.names[-1] == "localhost"
    # The same machine by another name: the certificate is not for it.
    with pytest.raises(outgoing.OutgoingError, match="certificate is not valid"):
        outgoing.call("GET", f"https://127.0.0.1:{secured.port}/")
    assert len(secured.received) == 1


def test_the_allow_list_is_read_strictly(monkeypatch):
    monkeypatch.setenv("ALLOWED", " intern.example, Host:8080 ,[fd00::1]:443,")
    assert configuration.hosts("ALLOWED") == (("intern.example", 0), ("host", 8080), ("fd00::1", 443))
    for wrong in ("http://x", "x:", "x:99999", "a b", "*.example", "10.0.0.0/8"):
        monkeypatch.setenv("ALLOWED", wrong)
        with pytest.raises(configuration.ConfigurationError, match="ALLOWED"):
            configuration.hosts("ALLOWED")
