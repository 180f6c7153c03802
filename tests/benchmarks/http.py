"""Requests per second and latency of the main pages, over HTTP with four clients.

Run by ``make bench``: a whole portal with demo data answers; each client keeps one connection open and asks
for varied pages. Figures are of this machine; compare them with each other, not with other machines.
"""

import http.client
import http.cookies
import re
import statistics
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

from tests.stack import Portal, running_portal, wait_for_demo

CLIENTS = 4
PEOPLE = ("ada", "ben", "dan", "finn")
REQUESTS = 200
# Asked before by each client: a process that has just started loads templates and plans statements.
WARM_UP = 50
WORDS = (
    "flights",
    "항공편",
    "on time",
    "정시율",
    "weather",
    "cancel",
    "결항",
    "plane",
    "ops.airports",
    "delay",
)


class Client:
    """A signed-in person with one open connection."""

    def __init__(self, portal: Portal) -> None:
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(portal.url).netloc, timeout=30)
        self.cookies: http.cookies.SimpleCookie = http.cookies.SimpleCookie()

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Send one request and return status and text."""
        headers = {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request("POST" if form is not None else "GET", path, body, headers)
        answer = self.connection.getresponse()
        for value in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(value)
        return answer.status, answer.read().decode()

    def sign_in(self, person: str) -> None:
        """Choose one of the cast."""
        _, page = self.ask("/account/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if token is None:
            raise RuntimeError("the sign-in page has no form")
        status, _ = self.ask("/demo/sign-in/", {"csrfmiddlewaretoken": token.group(1), "person": person})
        if status != 302:
            message = f"signing in answered {status}"
            raise RuntimeError(message)


def measure(
    portal: Portal, path_at: Callable[[int], str], people: tuple[str, ...] = PEOPLE
) -> tuple[float, list[float]]:
    """Let the clients ask; return requests per second and the sorted latencies in milliseconds."""
    clients = []
    for person in islice(cycle(people), CLIENTS):
        client = Client(portal)
        client.sign_in(person)
        clients.append(client)

    def work(place: int, requests: int) -> list[float]:
        times = []
        for index in range(requests):
            began = time.perf_counter()
            status, _ = clients[place].ask(path_at(place * REQUESTS + index))
            times.append((time.perf_counter() - began) * 1000)
            if status != 200:
                message = f"{path_at(place * REQUESTS + index)} answered {status}"
                raise RuntimeError(message)
        return times

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS), [WARM_UP] * CLIENTS))
        began = time.perf_counter()
        parts = pool.map(work, range(CLIENTS), [REQUESTS] * CLIENTS)
        times = sorted(value for part in parts for value in part)
    return CLIENTS * REQUESTS / (time.perf_counter() - began), times


def main() -> None:
    """Print one row for each page."""
    with running_portal() as portal:
        run = wait_for_demo(portal)
        tables = ("flights", "airlines", "airports", "planes", "weather")
        metrics = ("ops.on_time_rate", "ops.cancellation_rate")
        pages: dict[str, Callable[[int], str]] = {
            "catalog search": lambda n: f"/catalog/?q={urllib.parse.quote(WORDS[n % len(WORDS)])}",
            "dataset": lambda n: f"/catalog/datasets/ops.{tables[n % len(tables)]}/",
            "metric": lambda n: f"/catalog/metrics/{metrics[n % 2]}/?grain={('day', 'week', 'month')[n % 3]}",
            "job": lambda n: f"/jobs/{('load-flights', 'refresh-flight-metrics')[n % 2]}/",
            "run": lambda n: f"/runs/{run}/",
            "today": lambda n: "/",
        }
        print(f"{'page':16}{'req/s':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
        for name, path_at in pages.items():
            rate, times = measure(portal, path_at)
            cuts = statistics.quantiles(times, n=100)
            print(f"{name:16}{rate:8.0f}{cuts[49]:9.1f}{cuts[94]:9.1f}{cuts[98]:9.1f}")


if __name__ == "__main__":
    main()
