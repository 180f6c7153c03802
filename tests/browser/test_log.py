"""What a portal that runs as a stranger starts it writes into its logs."""

import json
import urllib.request
from pathlib import Path

from tests.stack import Portal


def test_the_web_writes_a_line_for_each_request(portal: Portal) -> None:
    asked = urllib.request.Request(f"{portal.url}/account/login/", headers={"X-Request-ID": "one-of-many"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200
    log = Path(portal.environment["VAR"]) / "log" / "web.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = {line["event"]: line for line in lines if line.get("request_id") == "one-of-many"}
    assert told["request_finished"]["code"] == 200
    assert told["request_finished"]["request"] == "GET /account/login/"
    # Gunicorn's own events are among them, in the same form.
    assert any(line["event"].startswith("Booting worker") for line in lines)
