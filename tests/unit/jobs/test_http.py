"""The kind ``http``: what a real server gets, what the run keeps, and whose fault a failure is (A30, F36)."""

import json
import logging
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import ValidationError

from jobs.actions import jobs, runs, secrets
from jobs.actions.jobs import JobDefinition
from jobs.checks import hints
from jobs.choices import Isolation, RunState, Trigger
from jobs.engine import claim as claims
from jobs.engine.inline import run_inline
from jobs.exceptions import InvalidDefinition, SecretMissing, SecretStays
from jobs.models import RunLog
from jobs.runners.base import Context
from jobs.runners.http import HttpConfig, HttpError, HttpRunner
from portal.audit.actions import Actor
from tests.receiver import Receiver

TESTS = Actor.system("tests")


@pytest.fixture
def server(settings):
    with Receiver() as running:
        settings.OUTGOING_ALLOW = (("127.0.0.1", running.port),)
        running.headers, running.body = {"Content-Type": "application/json"}, b'{"id": 7}'
        yield running


class Silent:
    def tell(self, message):
        """Tell nobody."""

    def cancelled(self):
        return False


def called(config, params=None, **fields):
    context = Context(
        job_key="x",
        config=HttpConfig.model_validate(config),
        params=params or {},
        run_id=uuid4(),
        fence=1,
        attempt=1,
        scratch=lambda: Path("/nowhere"),
        log=logging.getLogger("run"),
        reporter=Silent(),
        secret_hosts={name: ["127.0.0.1"] for name in fields.get("secrets", ())},
        **fields,
    )
    return HttpRunner().run(context), context


def test_it_sends_what_was_configured_and_keeps_the_answer(server):
    outputs, context = called(
        {
            "url": server.url("/orders/{{ day }}/x?shop={{shop}}"),
            "headers": [
                {"name": "X-One", "value": "1"},
                {"name": "Authorization", "secret": "crm", "prefix": "Bearer "},
            ],
            "body": '{"day": {{ day }}, "limit": {{ limit }}, "note": "{{ not a name }}"}',
        },
        {"day": 'a "b"/../ü', "limit": 5, "shop": "a&b=c"},
        secrets={"crm": "hush"},
    )  # fmt: skip
    assert (outputs["status"], outputs["answer"]) == (200, {"id": 7})
    got = server.received[0]
    assert (got.method, got.path) == ("POST", "/orders/a%20%22b%22%2F..%2F%C3%BC/x?shop=a%26b%3Dc")
    assert json.loads(got.body) == {"day": 'a "b"/../ü', "limit": 5, "note": "{{ not a name }}"}
    assert got.headers["authorization"] == "Bearer hush"
    assert got.headers["x-one"] == "1"
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    assert got.headers["idempotency-key"] == str(context.run_id)


def test_a_parameter_cannot_leave_its_place(server):
    called({"url": server.url("/a/{{ x }}/b")}, {"x": ".."})
    called({"url": server.url("/a?x={{ x }}"), "method": "GET"}, {"x": "1#f&y=2\r\nHost: z"})
    assert server.received[0].path == "/a/%2E%2E/b"
    assert server.received[1].path == "/a?x=1%23f%26y%3D2%0D%0AHost%3A%20z"
    form = {"url": server.url(), "content_type": "application/x-www-form-urlencoded", "body": "a={{ x }}&b=1"}
    called(form, {"x": "1&b=2"})
    assert server.received[2].body == b"a=1%26b%3D2&b=1"


@pytest.mark.parametrize(
    ("status", "whose"),
    [(301, "refused"), (400, "refused"), (401, "refused"), (404, "refused"), (422, "refused"),
     (408, "elsewhere"), (429, "elsewhere"), (500, "elsewhere"), (503, "elsewhere")],
)  # fmt: skip
def test_f36_whose_fault_an_unexpected_status_is(server, status, whose, caplog):
    server.status, server.body = status, b"because of the moon"
    with pytest.raises(HttpError, match=f"answered {status}; 2xx was expected") as failed:
        called({"url": server.url("/a?b=typed")})
    assert failed.value.error_class == whose
    assert "typed" not in str(failed.value)
    assert "because of the moon" in caplog.text


def test_an_expected_status_is_a_success(server):
    server.status = 404
    outputs, _ = called({"url": server.url(), "method": "GET", "expected": [200, 404]})
    assert outputs["status"] == 404
    server.status = 201
    with pytest.raises(HttpError, match="200, 404 was expected"):
        called({"url": server.url(), "method": "GET", "expected": [200, 404]})


def test_f36_silence_is_the_other_systems_fault_and_ends_in_time(server):
    server.behave = server.hang
    with pytest.raises(HttpError, match="took too long") as failed:
        called({"url": server.url(), "patience": 1})
    assert failed.value.error_class == "elsewhere"
    server.behave = server.reset
    with pytest.raises(HttpError, match="broke off") as failed:
        called({"url": server.url()})
    assert failed.value.error_class == "elsewhere"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"", {}),
        (b"plain \xff\x00 words", {"text": "plain \ufffd\ufffd words"}),
        (b'{"a": "\\u0000"}', {"answer": {"a": "\ufffd"}}),
        (b'{"a": NaN}', {"text": '{"a": NaN}'}),
        (b'{"a": 1e999}', {"text": '{"a": 1e999}'}),
        (b'{"a": "\\ud800"}', {"text": '{"a": "\\ud800"}'}),
        (b"[" * 5000 + b"]" * 5000, {"text": "[" * 4000}),
    ],
)
def test_what_the_database_could_not_hold_is_kept_as_text(server, body, kept):
    server.body = body
    outputs, _ = called({"url": server.url()})
    assert {name: value for name, value in outputs.items() if name in {"text", "answer"}} == kept


def test_an_answer_that_is_too_large_is_no_half_document(server):
    server.body = b"x" * (256 * 1024 + 1)
    with pytest.raises(HttpError, match="too large") as failed:
        called({"url": server.url()})
    assert failed.value.error_class == "refused"


def test_what_is_missing_is_said_before_anything_is_sent(server):
    with pytest.raises(HttpError, match="parameter 'day'") as failed:
        called({"url": server.url("/{{ day }}")})
    assert failed.value.error_class == "settings"
    with pytest.raises(HttpError, match="no JSON"):
        called({"url": server.url(), "body": "{{ day }} x"}, {"day": 1})
    with pytest.raises(SecretMissing):
        called({"url": server.url(), "headers": [{"name": "X", "secret": "s"}]}, secrets={"s": None})
    with pytest.raises(HttpError, match="one line"):
        called({"url": server.url(), "headers": [{"name": "X", "secret": "s"}]}, secrets={"s": "a\r\nY: b"})
    assert server.received == []


def test_a41_a_secret_is_not_sent_to_another_host_than_its_own(server, settings):
    settings.OUTGOING_ALLOW = (("127.0.0.1", server.port), ("localhost", server.port))
    elsewhere = server.url().replace("127.0.0.1", "localhost")
    with pytest.raises(
        SecretStays, match=r"«crm» goes to 127\.0\.0\.1 only\. To send it to localhost"
    ) as failed:
        called({"url": elsewhere, "headers": [{"name": "X", "secret": "crm"}]}, secrets={"crm": "hush"})
    assert failed.value.error_class == "settings"
    assert server.received == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"url": "http://example.com/"}, "begins with https"),
        ({"url": "nonsense"}, "begins with https"),
        ({"url": "example.com/{{ day }}"}, "begins with https"),
        ({"url": "https://{{ host }}/"}, "host is written out"),
        ({"url": "https://x{{ host }}.example/"}, "host is written out"),
        ({"url": "{{ url }}"}, "host is written out"),
        ({"url": "https://user:pw@example.com/"}, "before @"),
        ({"url": "https://example.com/", "method": "TRACE"}, "method"),
        ({"url": "https://example.com/", "expected": [99]}, "between 200 and 599"),
        ({"url": "https://example.com/", "patience": 0}, "patience"),
        ({"url": "https://example.com/", "typo": 1}, "typo"),
        ({"url": "https://example.com/", "headers": [{"name": "Host", "value": "x"}]}, "set by Data Desk"),
        ({"url": "https://example.com/", "headers": [{"name": "X", "value": "a\r\nY: b"}]}, "one line"),
        ({"url": "https://example.com/", "headers": [{"name": "a b", "value": "x"}]}, "letters, digits"),
        ({"url": "https://example.com/", "headers": [{"name": "X"}]}, "either a value or a secret"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_stored(config, words):
    with pytest.raises(ValidationError, match=words):
        HttpConfig.model_validate(config)


def ran(run):
    claimed = claims.claim("here")
    assert claimed is not None
    run_inline(claimed)
    run.refresh_from_db()


def make(config, **fields):
    definition = JobDefinition(
        key="call", name_en="Call", name_ko="호출", kind="http", config=config, parameters_schema={},
        isolation=Isolation.INLINE, **fields,
    )  # fmt: skip
    return jobs.register(definition=definition, by=TESTS)


@pytest.mark.django_db
def test_a_run_of_it_is_kept_without_the_secret_that_the_answer_repeats(server, cast):
    secrets.add(name="crm", purpose="", value="canary-value", hosts=["127.0.0.1"], user=cast.dan, by=TESTS)
    server.body = b'{"you sent": "Bearer canary-value"}'
    job = make(
        {"url": server.url(), "headers": [{"name": "Authorization", "secret": "crm", "prefix": "Bearer "}]}
    )
    run = runs.trigger(
        job=job, params={}, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="user:1"
    ).run
    ran(run)
    assert run.state == RunState.SUCCEEDED
    assert server.received[0].headers["authorization"] == "Bearer canary-value"
    assert run.outputs["answer"] == {"you sent": "Bearer •••"}
    log = [line for piece in RunLog.objects.filter(run=run) for line in piece.lines]
    assert "canary" not in json.dumps([run.outputs, run.progress, log])


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "state", "attempts"), [(500, "queued", 1), (404, "failed", 1)])
def test_f36_a_failing_system_is_tried_again_and_a_refusing_one_is_not(server, status, state, attempts):
    server.status = status
    job = make({"url": server.url()}, max_attempts=3)
    run = runs.trigger(
        job=job, params={}, by=TESTS, trigger=Trigger.MANUAL, requested_by=None, principal="user:1"
    ).run
    ran(run)
    assert (run.state, run.attempt) == (state, attempts)


@pytest.mark.django_db
def test_a_definition_that_calls_inside_is_refused():
    with pytest.raises(InvalidDefinition, match="https"):
        make({"url": "http://169.254.169.254/latest/"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("properties", "told"), [({}, ["day, shop"]), ({"day": {}}, ["shop"]), ({"day": {}, "shop": {}}, [])]
)
def test_parameters_that_nobody_is_asked_for_are_a_hint(cast, properties, told):
    call = {"url": "https://shop.example/{{ day }}", "body": '{"shop": {{shop}}, "day": {{ day }}}'}
    schema = {"type": "object", "properties": properties}
    definition = JobDefinition(
        key="ping", name_en="Ping", name_ko="", kind="http", config=call, parameters_schema=schema
    )
    found = hints(definition, cast.dan)
    assert [each.split(": ")[1].split(". ")[0] for each in found] == told
