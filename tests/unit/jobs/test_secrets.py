"""Secrets of jobs: which a body gets, and that log, failure, progress and outputs do not keep them."""

import json
import logging
from importlib import import_module
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps

from jobs.actions import secrets
from jobs.choices import Isolation, RunState
from jobs.engine import claim as claims
from jobs.engine.inline import run_inline
from jobs.engine.log_pump import redact
from jobs.models import RunLog, Secret
from jobs.models.secret import named_secrets, secret_names
from portal.audit.actions import Actor

TESTS = Actor.system("tests")
CANARY = 'canary "5b3f" ü/+ x'


@pytest.fixture
def stored(cast):
    return secrets.add(name="crm", purpose="", value=CANARY, user=cast.dan, by=TESTS)


def named(job, *names):
    job.config = {**job.config, "secrets": list(names)}
    job.save()


def ran(run):
    claimed = claims.claim("here")
    assert claimed is not None
    run_inline(claimed)
    run.refresh_from_db()
    return run


def everything_kept(run):
    log = [line for piece in RunLog.objects.filter(run=run) for line in piece.lines]
    return json.dumps([run.outputs, run.error, run.progress, log], ensure_ascii=False)


def test_names_are_found_wherever_they_stand():
    config = {
        "secrets": ["a", "b", 3],
        "headers": [{"name": "X", "secret": "c"}],
        "deep": {"er": {"secret": "d"}},
        "secret": {"secret": "e"},
        "not": "f",
        "empty": {"secret": ""},
    }
    assert secret_names(config) == {"a", "b", "c", "d", "e"}
    assert secret_names(None) == frozenset()


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        (
            {"url": "https://API.example:8443/x", "headers": [{"name": "X", "secret": "a"}]},
            [("a", "api.example")],
        ),
        ({"source": {"type": "mysql", "host": "Db.example.", "secret": "a"}}, [("a", "db.example")]),
        (
            {"url": "https://airflow.example/", "sign_in": {"type": "token", "secret": "a"}},
            [("a", "airflow.example")],
        ),
        ({"pipeline": "x", "secrets": ["a"], "settings": {"url": "https://b.example"}}, [("a", "")]),
        ({"url": "https://[bad", "secret": "a"}, [("a", "")]),
    ],
)
def test_where_each_goes_is_found_too(config, sent):
    assert [(name, host) for _path, name, host in named_secrets(config)] == sent


@pytest.mark.parametrize(
    ("hosts", "asked", "words"),
    [
        ([], None, ""),
        (["crm.example"], "https://CRM.example/orders", ""),
        (["crm.example"], None, "goes to crm.example only: the code that asks for it names the host"),
        (["crm.example"], "evil.example", "To send it to evil.example too, store its value again"),
        (["crm.example"], "https://[bad", "goes to crm.example only"),
        ([], "crm.example", "may not be sent to any host yet"),
    ],
)
def test_a41_code_gets_it_for_its_hosts_only(make_job, start, stored, hosts, asked, words):
    Secret.objects.update(hosts=hosts)
    job = make_job("tell", "test-tell-secret", isolation=Isolation.INLINE, max_attempts=1)
    named(job, "crm")
    job.config["settings"] = {} if asked is None else {"host": asked}
    job.save()
    run = ran(start(job, {"note": "crm"}))
    assert run.state == (RunState.FAILED if words else RunState.SUCCEEDED)
    assert words in run.error.get("message", "")


def test_those_that_were_stored_before_go_on_to_where_jobs_send_them(make_job, stored, cast):
    secrets.add(name="idle", purpose="", value=CANARY, user=cast.dan, by=TESTS)
    for key, config in (
        ("one", {"url": "https://B.example/x", "headers": [{"name": "X", "secret": "crm"}]}),
        ("two", {"source": {"host": "a.example", "secret": "crm"}, "secrets": ["idle"]}),
    ):
        job = make_job(key)
        job.config = config
        job.save()
    import_module("jobs.migrations.0018_secret_hosts").name_hosts(apps, None)
    assert dict(Secret.objects.values_list("name", "hosts")) == {
        "crm": ["a.example", "b.example"],
        "idle": [],
    }


def test_a40_a_body_gets_the_value_and_nothing_keeps_it(make_job, start, stored, caplog):
    caplog.set_level(logging.DEBUG)
    job = make_job("tell", "test-tell-secret", isolation=Isolation.INLINE, max_attempts=1)
    named(job, "crm")
    run = ran(start(job, {"note": "crm"}))
    assert run.state == RunState.SUCCEEDED
    assert run.outputs["length"] == len(CANARY)
    kept = everything_kept(run)
    for form in (CANARY, quote(CANARY, safe=""), json.dumps(CANARY)[1:-1], "canary"):
        assert form not in kept
        assert form not in caplog.text
    assert kept.count("•••") >= 5


def test_a40_a_failure_does_not_keep_it_either(make_job, start, stored):
    job = make_job("tell", "test-fail-with-secret", isolation=Isolation.INLINE, max_attempts=1)
    named(job, "crm")
    run = ran(start(job, {"note": "crm"}))
    assert run.state == RunState.FAILED
    assert "•••" in run.error["message"]
    assert "canary" not in everything_kept(run)


def test_only_what_the_job_names_is_given(make_job, start, stored):
    job = make_job("tell", "test-tell-secret", isolation=Isolation.INLINE, max_attempts=1)
    run = ran(start(job, {"note": "crm"}))
    assert (run.state, run.error["class"]) == (RunState.FAILED, "settings")
    assert "put it under «secrets» first" in run.error["message"]


@pytest.mark.parametrize("how", ["deleted", "sealed by a lost key"])
def test_a43_one_that_cannot_be_had_is_said_and_not_retried(make_job, start, stored, how):
    job = make_job("tell", "test-tell-secret", isolation=Isolation.INLINE, max_attempts=3)
    named(job, "crm")
    if how == "deleted":
        Secret.objects.all().delete()
    else:
        Secret.objects.update(sealed=stored.sealed.replace("v1:", "v1:x"))
    run = ran(start(job, {"note": "crm"}))
    assert (run.state, run.error["class"], run.attempt) == (RunState.FAILED, "settings", 1)
    assert "no secret «crm»" in run.error["message"]


def test_the_portals_own_passwords_are_hidden_as_they_are_and_as_addresses_write_them(settings: Any) -> None:
    settings.LAKE_URL = "postgresql://desk:p%40ssword%2F1@db/lake"
    settings.LAKE_READER_URL = "postgresql://reader:r%40ader-word@db/lake"
    said = redact("p@ssword/1 p%40ssword%2F1 r@ader-word r%40ader-word")
    assert said == "••• ••• ••• •••"
