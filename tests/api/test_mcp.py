"""The MCP server, spoken to by the official client: the caller's token decides, as in the API."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import httpx2
import pytest
import uvicorn
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from jobs.choices import RunState
from jobs.models import Run
from portal.accounts.actions import tokens
from portal.accounts.models import Team
from portal.audit.actions import Actor
from portal.demo.people import load_people
from portal.mcp.desk import Desk, Refused
from portal.mcp.server import application
from requests_app.models import DataRequest
from tests.factories.catalog import dataset, edge, metric
from tests.factories.jobs import make_job
from tests.factories.questions import make_question

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(transactional_db):
    return load_people()


@pytest.fixture
def address(live_server) -> Iterator[str]:
    """Serve it as `make run` does, before a real web server."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = application(inside=live_server.url, public=live_server.url, hosts=["127.0.0.1"])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + 30
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    assert server.started
    yield url
    server.should_exit = True
    thread.join(20)
    listener.close()


def secret_of(user, *scopes: str) -> str:
    issued = tokens.create(owner=user, name="m", scopes=list(scopes), days=7, by=Actor.system("tests"))
    return issued.secret


def call(address: str, secret: str, name: str, **arguments):
    """Call one tool and return (is it an error, what it said)."""

    async def ask():
        headers = {"Authorization": f"Bearer {secret}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
        ):
            return await client.call_tool(name, arguments)

    result = asyncio.run(ask())
    return bool(result.is_error), result.structured_content or result.content[0].text


def test_only_live_tokens_get_in(address, people):
    url = f"{address}/mcp"
    for headers in ({}, {"Authorization": "Bearer ddesk_guessed"}, {"Authorization": "Basic x"}):
        answer = httpx.post(url, headers=headers, json=LIST, timeout=30)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="Data Desk"')
    issued = tokens.create(
        owner=people["dan"], name="m", scopes=["jobs:read"], days=7, by=Actor.system("tests")
    )
    tokens.revoke(token=issued.token, by=Actor.system("tests"))
    answer = httpx.post(url, headers={"Authorization": f"Bearer {issued.secret}"}, json=LIST, timeout=30)
    assert answer.status_code == 401


def test_a_page_of_another_site_is_turned_away(address, people):
    secret = secret_of(people["dan"], "jobs:read")
    for name, value in (("Origin", "https://evil.example"), ("Host", "evil.example")):
        headers = {
            "Authorization": f"Bearer {secret}",
            "Accept": "application/json, text/event-stream",
            name: value,
        }
        assert httpx.post(f"{address}/mcp", headers=headers, json=LIST, timeout=30).status_code in {403, 421}


def test_it_finds_and_reads_what_the_token_may_see(address, people):
    finance = Team.objects.get(key="finance")
    dataset("ops.flights", name_en="Flights", name_ko="항공편")
    dataset("fin.flights", name_en="Secret flights", team=finance, visibility="team")
    metric("ops.flight_rate", name_en="Flight rate", points=[("2013-01-01", 0.7)])
    for key, private in (("weekly", False), ("payroll", True)):
        make_job(key, kind="report", private=private, owner=people["cleo"])
        edge(("metric", "ops.flight_rate"), ("job", key), source="definition")
    secret = secret_of(people["ada"], "catalog:read")
    failed, found = call(address, secret, "search_catalog", words="항공편")
    assert not failed
    assert [each["key"] for each in found["results"]] == ["ops.flights"]
    assert call(address, secret, "read_dataset", key="ops.flights")[1]["key"] == "ops.flights"
    for key in ("fin.flights", "no.such", "../jobs", "ops.flights/../../jobs"):
        failed, said = call(address, secret, "read_dataset", key=key)
        assert failed, key
        assert "404" in said or "not" in said.casefold(), said
    failed, found = call(address, secret, "read_metric", key="ops.flight_rate", grain="month")
    assert not failed
    assert [point["value"] for point in found["points"]] == [0.7]
    assert [each["key"] for each in found["lineage"]["downstream"]] == ["weekly"]
    assert "Payroll" not in str(found)


def test_it_runs_a_job_once_and_follows_it(address, people):
    make_job("load-weather")
    secret = secret_of(people["dan"], "jobs:read", "jobs:run")
    runs = [call(address, secret, "run_job", key="load-weather", once="today")[1] for _ in range(2)]
    assert runs[0]["id"] == runs[1]["id"]
    run = Run.objects.get()
    assert (run.requested_by, run.state) == (people["dan"], RunState.QUEUED)
    assert call(address, secret, "follow_run", run_id=runs[0]["id"])[1]["state"] == "queued"
    assert call(address, secret, "read_log", run_id=runs[0]["id"])[1]["lines"] == []
    # A token for reading runs nothing, and is told so in words.
    reading = secret_of(people["dan"], "jobs:read")
    failed, said = call(address, reading, "run_job", key="load-weather")
    assert failed
    assert said.strip()
    assert Run.objects.count() == 1


def test_it_brings_no_more_than_was_asked_for(address, people):
    for key in ("ops.flights", "ops.flights_late"):
        dataset(key, name_en="Flights")
        make_job(key.replace(".", "-"))
        make_question(people["ada"], "How late were the flights of June?")
    metric("ops.rate", points=[("2013-01-01", 0.7), ("2013-01-02", 0.8)], grain="day")
    secret = secret_of(people["dan"], "catalog:read", "jobs:read", "questions:read")
    for name, words in (
        ("search_catalog", {"words": "flights"}),
        ("list_jobs", {}),
        ("find_questions", {"words": "flights"}),
    ):
        found = call(address, secret, name, most=1, **words)[1]
        assert len(found["results"]) == 1, name
    # Of a long series somebody who names no day wants to know how it stands, not how it began.
    for words, value in (({}, 0.8), ({"starts_from": "2013-01-01"}, 0.7)):
        found = call(address, secret, "read_metric", key="ops.rate", grain="day", most=1, **words)[1]
        assert [point["value"] for point in found["points"]] == [value]


def test_the_word_for_once_may_be_in_any_language(address, people):
    make_job("load-weather")
    secret = secret_of(people["dan"], "jobs:run")
    runs = [call(address, secret, "run_job", key="load-weather", once="오늘")[1]["id"] for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("key", ["", ".", ".."])
def test_what_would_lead_to_another_address_is_not_there(key):
    desk = Desk("http://127.0.0.1:1", "http://127.0.0.1:1")
    with pytest.raises(Refused, match="nothing here"):
        asyncio.run(desk.post("jobs", key, "runs", body={}))


def test_bad_arguments_are_told_and_do_nothing(address, people):
    make_job("load-weather")
    secret = secret_of(people["dan"], "jobs:read", "jobs:run")
    failed, said = call(address, secret, "run_job", key="load-weather", parameters={"x": 1})
    assert failed
    assert "x" in said
    assert call(address, secret, "search_catalog", words="a", most=1000)[0]
    assert not Run.objects.exists()


def test_a_draft_is_an_address_and_writes_nothing(address, people):
    secret = secret_of(people["ada"], "questions:read")
    failed, draft = call(
        address, secret, "draft_question", title="How late were we & why?", about=["dataset:ops.flights"]
    )
    assert not failed
    assert draft["open"].endswith(
        "/requests/ask/?title=How+late+were+we+%26+why%3F&about=dataset%3Aops.flights"
    )
    assert not DataRequest.objects.exists()


def test_a_portal_that_is_away_is_said(people):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    app = application(inside=nobody, public=nobody, hosts=["127.0.0.1"])

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.post("/mcp", headers={"Authorization": "Bearer ddesk_some"}, json={})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
