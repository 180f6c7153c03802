"""A40: canaries in every place where a secret is typed, kept or configured; nothing that is written has one.

A real portal does its daily work with them and fails in the middle of it; afterwards every output, the
processes' names, the audit trail and the rest of the database, the broker, what other systems were sent, and
the pages are searched.
"""

import base64
import json
import re
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis
from django.db import connection
from django.db.models.functions import Now
from psycopg2 import sql

from jobs.actions.housekeeping import READ_JOB_FILES
from jobs.actions.jobs import register
from jobs.choices import RunState
from jobs.models import Job, Run
from portal.accounts.actions import people as accounts
from portal.accounts.models import User
from portal.demo.people import load_people
from portal.notifications.models import Outbox
from portal.webhooks.models import Delivery
from tests.faults.invariants import assert_invariants
from tests.faults.own import OwnDatabase
from tests.faults.processes import (
    TESTS,
    Broker,
    Processes,
    Started,
    ended,
    job,
    start,
    until,
)
from tests.faults.web import Visitor, Web, serving
from tests.receiver import Receiver
from tests.stack import free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("web")]

# A session is found by its key; the cookie holds the same, and it is what the table is for.
KEPT_IN_THE_OPEN = {("django_session", "session"), ("usersessions_usersession", "session")}
# Stands in the open everywhere: where it is not found, nobody looked.
DECOY = "decoy"
PAGES_AT_MOST = 50


def canary() -> str:
    """Return something that nobody has said before and that no pattern of ours recognises."""
    return f"cnry{secrets.token_hex(12)}"


@dataclass
class Canaries:
    """What was planted, by where; each is looked for as it is and as addresses, JSON and base64 write it."""

    planted: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str, value: str = "") -> str:
        return self.planted.setdefault(name, value or canary())

    def found_in(self, text: str) -> set[str]:
        return {
            name for name, value in list(self.planted.items()) if any(form in text for form in forms(value))
        }


@cache
def forms(value: str) -> set[str]:
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    return {value, quote(value, safe=""), json.dumps(value)[1:-1], encoded}


@dataclass
class Watch:
    """Looks at every process of this machine, and at all that the broker is told, until it is closed."""

    canaries: Canaries
    broker: Broker
    named: set[str] = field(default_factory=set)
    commands: bytearray = field(default_factory=bytearray)
    listening: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def processes(self) -> None:
        while not self._over.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    # The test's own server is started by the test, which has its password in hand.
                    if "--requirepass" not in words:
                        self.named |= self.canaries.found_in(words)

    def listen(self) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.broker.socket))
            password = self.canaries.planted["broker"]
            client.sendall(f"AUTH {password}\r\nMONITOR\r\n".encode())
            while told := client.recv(1 << 16):
                self.commands += told
                self.listening.set()

    @contextmanager
    def on(self) -> Iterator["Watch"]:
        threads = [threading.Thread(target=each, daemon=True) for each in (self.processes, self.listen)]
        for each in threads:
            each.start()
        assert self.listening.wait(10)
        try:
            yield self
        finally:
            self._over.set()


@dataclass
class Desk:
    """A portal with canaries in its settings, and another system that it speaks to."""

    processes: Processes
    web: Web
    worker: Started
    clock: Started
    other: Receiver
    canaries: Canaries
    watch: Watch


@pytest.fixture
def desk(own: OwnDatabase, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    canaries = Canaries()
    broker = Broker(tmp_path_factory.mktemp("b"), password=canaries.plant("broker"))
    canaries.plant("database", str(connection.settings_dict["PASSWORD"]))
    processes = Processes(tmp_path, broker)
    with Receiver() as other:
        at = f"127.0.0.1:{other.port}"
        key = canaries.plant("key ring", base64.b64encode(secrets.token_bytes(32)).decode())
        environment = {
            "SECRET_KEY": canaries.plant("secret key", canary() + canary()),
            "KEY_RING": f"first:{key}",
            "EMAIL_URL": f"smtp://desk:{canaries.plant('mail')}@127.0.0.1:{free_port()}",
            "OPENLINEAGE_URL": f"http://{at}/lineage",
            "OPENLINEAGE_API_KEY": canaries.plant("lineage"),
            "JOBS_GIT_URL": f"http://desk:{canaries.plant('git')}@{at}/team/jobs.git",
            "OUTGOING_ALLOW": at,
            "LAKE_DATA": str(tmp_path / "lake"),
            "LOG_LEVEL": "DEBUG",
            "CLOCK_TICK": "1",
        }
        watch = Watch(canaries, broker)
        port = free_port()
        try:
            with watch.on():
                started = processes.web(port, **environment)
                worker = processes.worker(**environment)
                clock = processes.clock(**environment)
                yield Desk(processes, serving(started, port), worker, clock, other, canaries, watch)
            assert_invariants(var=tmp_path / "var")
        finally:
            processes.stop()
            broker.stop()


def typed(visitor: Visitor, path: str, **fields: str) -> Any:
    """Send a form as a browser does."""
    return visitor.ask(path, form={**visitor.form_of(path), **fields})


def somebody_signs_in_and_stores_secrets(desk: Desk, people: dict[str, User]) -> Visitor:
    canaries, web = desk.canaries, desk.web
    password = canaries.plant("password")
    people["dan"].set_password(password)
    people["dan"].save()
    sent = {"login": people["dan"].email}
    typed(web.visitor(), "/account/login/", **sent, password=canaries.plant("wrong password"))
    dan = web.visitor()
    assert typed(dan, "/account/login/", **sent, password=password).status == 302
    (session,) = (each.value for name, each in dan.cookies.items() if "session" in name)
    canaries.plant("session", session)
    link = urlsplit(accounts.set_password_link(user=people["finn"], by=TESTS)).path
    canaries.plant("link", link.split("-", 1)[1].strip("/"))
    web.visitor().ask(link)

    assert typed(dan, "/secrets/add/", name="crm", value=canaries.plant("secret"), purpose="x").status == 302
    # These two are shown once, on the page that answers; nobody sees it again.
    shown = typed(dan, "/account/tokens/add/", name="t", scopes="jobs:run", days="30").text
    (token,) = re.findall(r'id="secret"[^>]*>(ddesk_[^<]+)<', shown)
    canaries.plant("token", token)
    at = desk.other.url(f"/hooks/{canaries.plant('webhook address')}")
    shown = typed(
        dan, "/webhooks/add/", name="Stock", format="json", url=at, events="run.failed", jobs=""
    ).text
    canaries.plant("webhook secret", re.findall(r"whsec_([A-Za-z0-9+/=]+)", shown)[0])
    slack = {"url": desk.other.url(f"/services/{canaries.plant('slack')}")}
    form = dan.form_of("/account/notifications/")
    assert dan.ask("/account/notifications/slack/", form={**form, **slack}).status == 302
    return dan


def jobs_use_them_and_fail(desk: Desk, key: str) -> Run:
    canaries, web = desk.canaries, desk.web
    config = {"pipeline": "test-spill", "secrets": ["crm"]}
    job("test-spill", key=key, config=config, max_attempts=2, owner_email="dan@example.com")
    token = web.visitor(Authorization=f"Bearer {canaries.planted['token']}")
    begun = token.ask(f"/api/v1/jobs/{key}/runs", body={"params": {"seconds": 1}})
    assert begun.status == 201, begun.text
    for header in (f"Bearer {canaries.plant('no token')}", f"Basic {canaries.plant('basic')}"):
        assert web.visitor(Authorization=header).ask("/api/v1/jobs").status == 401
    token.ask(f"/api/v1/jobs?token={canaries.plant('address')}&cursor={canaries.planted['token']}")
    run = ended(Run.objects.get(pk=begun.json["id"]), seconds=60)
    assert run.state == RunState.FAILED
    assert "•••" in run.error["message"]
    files = ended(start(register(definition=READ_JOB_FILES, by=TESTS)), seconds=60)
    assert files.state == RunState.FAILED
    assert "/team/jobs.git" in files.error["message"]
    # News to people are collected for a minute first.
    waiting = Outbox.objects.filter(attempts=0)
    until(partial(waiting.update, available_at=Now()), seconds=60, what="there is news for people")
    for path in ("/hooks/", "/services/", "/lineage"):
        until(partial(told, desk.other, path), seconds=60, what=f"{path} was told")
    until(lambda: Delivery.objects.filter(attempts__gte=1).exists(), what="the webhook failed")
    return run


def told(other: Receiver, path: str) -> bool:
    return any(each.path.startswith(path) for each in other.received)


@contextmanager
def gone(table: str) -> Iterator[None]:
    """Take a table away: what needs it fails in a way that nobody foresaw."""
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO "{table}_gone"')
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE "{table}_gone" RENAME TO "{table}"')


def everything_breaks_in_the_middle(desk: Desk, dan: Visitor, key: str) -> None:
    canaries, web = desk.canaries, desk.web
    token = web.visitor(Authorization=f"Bearer {canaries.planted['token']}")
    secret = {**dan.form_of("/secrets/add/"), "name": "late", "purpose": "x", "value": canaries.plant("late")}
    login = web.visitor()
    sent = {**login.form_of("/account/login/"), "login": "dan@example.com"}
    with gone("jobs_secret"):
        assert dan.ask("/secrets/add/", form=secret).status == 500
        # Its supervisor looks for the secret.
        start(Job.objects.get(key=key), seconds=0)
        until(lambda: "jobs_secret" in desk.worker.text(), what="the worker failed")
    with gone("jobs_run"):
        assert token.ask(f"/api/v1/jobs/{key}/runs", body={"params": {}}).status == 500
        assert dan.ask("/runs/").status == 500
        until(lambda: "jobs_run" in desk.clock.text(), what="the clock failed")
    with gone("accounts_user"):
        password = canaries.planted["password"]
        assert login.ask("/account/login/", form={**sent, "password": password}).status == 500
        assert dan.ask("/").status == 500
    assert "Traceback" in desk.web.started.text()
    until(lambda: not Run.objects.open().exists(), seconds=60, what="all runs ended")


def everything_written(desk: Desk, dan: Visitor, failed: Run) -> Iterator[tuple[str, str, set[str]]]:
    """Yield where it stands, the text, and what may stand there."""
    folder = desk.processes.folder
    for path in filter(Path.is_file, folder.rglob("*")):
        yield f"file {path.relative_to(folder)}", path.read_bytes().decode(errors="replace"), set()
    yield "broker, as it was told", desk.watch.commands.decode(errors="replace"), set()
    yield "broker, as it stands", broker_dump(desk.processes.broker.url), set()
    for table, text in database_dump():
        yield f"table {table}", text, {name for each, name in KEPT_IN_THE_OPEN if each == table}
    for each in desk.other.received:
        yield f"sent to {each.path.split('/')[1]}", each.body.decode(errors="replace"), set()
    # Where a webhook goes is shown to whom it belongs.
    for visitor, own in ((desk.web.visitor().sign_in("cleo"), set()), (dan, {"webhook address"})):
        for address, text in pages(visitor, f"/runs/{failed.number}/"):
            yield f"page {address}", text, own


def broker_dump(url: str) -> str:
    client = redis.Redis.from_url(url)
    kinds: dict[Any, Callable[[Any], Any]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"hash": client.hgetall,
    }
    return "\n".join(f"{key!r} {kinds[client.type(key)](key)!r}" for key in client.scan_iter())


def database_dump() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(sql.SQL("SELECT each::text FROM {} each").format(sql.Identifier(table)))
            yield table, "\n".join(row[0] for row in cursor.fetchall())


def pages(visitor: Visitor, run: str) -> Iterator[tuple[str, str]]:
    """Yield the pages that links lead to, from the entrance and from where secrets are at work."""
    todo = ["/", run, f"{run}log/", f"{run}log.txt", "/audit/", "/secrets/", "/webhooks/"]
    todo += ["/account/tokens/", "/account/sessions/", "/account/notifications/", "/queues/"]
    done: set[str] = set()
    while todo and len(done) < PAGES_AT_MOST:
        path = todo.pop(0)
        if path in done:
            continue
        done.add(path)
        answer = visitor.ask(path)
        yield path, f"{answer.headers} {answer.text}"
        links = (found.replace("&amp;", "&") for found in re.findall(r'href="(/[^"#]*)"', answer.text))
        todo += [link for link in links if not link.startswith("/static/")]


def test_a40_no_secret_is_anywhere_it_could_be_read(desk: Desk) -> None:
    people = load_people()
    key = desk.canaries.plant(DECOY)
    dan = somebody_signs_in_and_stores_secrets(desk, people)
    failed = jobs_use_them_and_fail(desk, key)
    everything_breaks_in_the_middle(desk, dan, key)

    looked, hits = Counter[str](), {"process list": desk.watch.named - {DECOY}}
    seen_in = {"process"} if DECOY in desk.watch.named else set()
    for where, text, allowed in everything_written(desk, dan, failed):
        found = desk.canaries.found_in(text)
        looked[where.split()[0]] += 1
        seen_in |= {where} if DECOY in found else set()
        hits.setdefault(where, set()).update(found - allowed - {DECOY})
    assert {where: found for where, found in hits.items() if found} == {}
    # The search itself finds what is there.
    assert {"process", "table jobs_job", "table audit_auditevent", f"page /jobs/{key}/"} <= seen_in
    assert {"sent to hooks", "sent to services", "sent to lineage", f"page /runs/{failed.number}/"} <= seen_in
    assert b'"LPUSH"' in desk.watch.commands
    assert looked["page"] > 60
