"""The web under fault: requests over HTTP by people with a session, by tokens, and by crowds of them."""

import asyncio
import http.client
import http.cookies
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from tests.faults.processes import START, Started, until

# A request that a fault holds up must come back within this many seconds.
PATIENCE = 30
# The last of a crowd waits for all the others, on a machine that may be busy.
CROWD_PATIENCE = 240


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Return the body of an API answer."""
        return json.loads(self.text)


@dataclass
class Web:
    """The web processes of a test and where they answer."""

    started: Started
    port: int

    def visitor(self, **headers: str) -> "Visitor":
        """Return somebody who asks with these headers."""
        return Visitor(self.port, headers)

    def answers(self) -> bool:
        """Say whether it serves."""
        assert self.started.process.poll() is None, self.started.text()[-3000:]
        try:
            return self.visitor().ask("/livez").status == 200
        except OSError:
            return False


@dataclass
class Visitor:
    """Somebody with their cookies; each request comes on a connection of its own, so threads may share it."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    cookies: "http.cookies.SimpleCookie" = field(default_factory=http.cookies.SimpleCookie)

    def ask(
        self, path: str, *, form: dict[str, str] | None = None, body: Any = None, **headers: str
    ) -> Answer:
        """Send one request: a form, JSON, or a GET without either."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        data = None
        if form is not None:
            data = urllib.parse.urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            data = json.dumps(body)
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET" if data is None else "POST", path, data, sent)
            answer = connection.getresponse()
            for value in answer.headers.get_all("Set-Cookie", []):
                self.cookies.load(value)
            return Answer(answer.status, dict(answer.headers.items()), answer.read().decode())
        finally:
            connection.close()

    def form_of(self, path: str) -> dict[str, str]:
        """Open a page and return the hidden fields of its forms, as a browser would send them."""
        page = self.ask(path)
        assert page.status == 200, (path, page.status, page.text[:300])
        inputs = re.findall(r"<input[^>]*>", page.text)
        fields = {}
        for tag in inputs:
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if name and value and 'type="hidden"' in tag:
                fields[name[1]] = value[1]
        return fields

    def sign_in(self, person: str) -> "Visitor":
        """Choose one of the cast."""
        token = self.form_of("/account/login/")["csrfmiddlewaretoken"]
        answer = self.ask("/demo/sign-in/", form={"csrfmiddlewaretoken": token, "person": person})
        assert answer.status == 302, answer.text[:300]
        return self


def serving(started: Started, port: int) -> Web:
    """Wait until the web serves."""
    web = Web(started, port)
    until(web.answers, seconds=START, what="the web serves")
    return web


def crowd(port: int, count: int, request: bytes) -> list[tuple[int, Any]]:
    """Send one request so often at once: every connection is open before the first byte goes out.

    Returns status and JSON body of each answer.
    """
    return asyncio.run(_crowd(port, count, request))


async def _crowd(port: int, count: int, request: bytes) -> list[tuple[int, Any]]:
    together = asyncio.Event()
    opened: asyncio.Queue[None] = asyncio.Queue()

    async def one() -> tuple[int, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            opened.put_nowait(None)
            await together.wait()
            writer.write(request)
            head, _, body = (await asyncio.wait_for(reader.read(), CROWD_PATIENCE)).partition(b"\r\n\r\n")
            return int(head.split(b" ", 2)[1]), json.loads(body)
        finally:
            writer.close()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(count)]
        for _ in range(count):
            await opened.get()
        together.set()
    return [task.result() for task in tasks]
