"""Requests per second and latency of the pages of questions: HTTP, four clients, 200,000 questions.

Run by ``make bench``, or alone by ``python -m tests.benchmarks.http_questions``; QUESTIONS says how many.
The clients, the two web processes, the worker and the servers share this machine's cores.
"""

import os
import statistics
import subprocess
import sys
import urllib.parse
from collections.abc import Callable

from tests.benchmarks import http
from tests.stack import ROOT, Portal, running_portal, wait_for_demo

QUESTIONS = int(os.environ.get("QUESTIONS", "200000"))
TYPED = (
    "how many flights to Boston",
    "delays to Newark in July",
    "항공편 지연 비율",
    "cancellations in the storm by airport",
    "JFK 항공편 delays in June",
    "which carrier was late most",
)
VIEWS = ("", "?view=mine", "?view=all", "?view=free", "?view=all&state=in_progress", "?view=overdue")
_SEED = """
from portal.accounts.models import Team, User
from requests_app.models import DataRequest
from tests.benchmarks.seed_questions import seed
people = {{user.email.partition("@")[0]: user for user in User.objects.all()}}
opened = seed(
    int({count}),
    askers=[people["ada"], people["finn"]],
    analysts=[people["ben"], people["eun"]],
    teams=list(Team.objects.filter(kind="business")),
)
numbers = DataRequest.objects.filter(visibility="company").order_by("?").values_list("number", flat=True)
print(opened, *numbers[:1500])
"""


def fill(portal: Portal, count: int) -> tuple[int, list[int]]:
    """Seed a running portal; return how many questions are open, and the numbers of some that all may see."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _SEED.format(count=count)],
        cwd=ROOT,
        env=portal.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    opened, *numbers = map(int, done.stdout.split())
    return opened, numbers


def pages(numbers: list[int]) -> dict[str, Callable[[int], str]]:
    """Return what is asked for, each varied by the number of the request."""
    return {
        "queue": lambda n: f"/requests/{VIEWS[n % len(VIEWS)]}",
        "question": lambda n: f"/requests/{numbers[n % len(numbers)]}/",
        "suggestions": lambda n: f"/requests/ask/known/?title={urllib.parse.quote(TYPED[n % len(TYPED)])}",
        "today": lambda n: "/",
    }


def main() -> None:
    """Print one row for each page."""
    http.REQUESTS = 250
    with running_portal() as portal:
        wait_for_demo(portal)
        opened, numbers = fill(portal, QUESTIONS)
        print(f"{QUESTIONS:,} questions, {opened:,} of them open; 4 clients, 1,000 requests a page")
        print(f"{'page':16}{'req/s':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
        for name, path_at in pages(numbers).items():
            rate, times = http.measure(portal, path_at)
            cuts = statistics.quantiles(times, n=100)
            print(f"{name:16}{rate:8.0f}{cuts[49]:9.1f}{cuts[94]:9.1f}{cuts[98]:9.1f}")


if __name__ == "__main__":
    main()
