"""The files of a run, on its page and in the API."""

import pytest
from django.test import Client
from django.urls import reverse

from jobs.choices import RunState
from portal.accounts.actions import tokens
from portal.audit.actions import Actor
from tests.factories.jobs import make_artifact, make_job, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.VAR = tmp_path


@pytest.fixture
def dan(client: Client, cast) -> Client:
    client.force_login(cast.dan)
    return client


def test_a_run_shows_its_files_and_hands_them_out(dan):
    run = make_run(make_job())
    file = make_artifact(run, b"<script>alert(1)</script>", name="보고서 <1>.html")
    page = dan.get(f"/runs/{run.number}/").content.decode()
    assert "보고서 &lt;1&gt;.html" in page
    answer = dan.get(file.url)
    assert b"".join(answer) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "%EB%B3%B4%EA%B3%A0%EC%84%9C" in answer["Content-Disposition"]
    assert answer["Content-Length"] == "25"


def test_a_run_without_files_says_nothing_of_them(dan):
    run = make_run(make_job(), RunState.SUCCEEDED)
    assert "files-title" not in dan.get(f"/runs/{run.number}/").content.decode()


def test_another_runs_file_is_missing(dan):
    job = make_job()
    one, other = make_run(job), make_run(job)
    file = make_artifact(one)
    assert dan.get(reverse("artifact", args=[other.number, file.pk])).status_code == 404


def test_a_file_that_is_gone_from_the_disk_is_missing(dan, tmp_path):
    file = make_artifact(make_run(make_job()))
    (tmp_path / "artifacts" / file.stored[:2] / file.stored).unlink()
    assert dan.get(file.url).status_code == 404


def test_the_api_lists_and_sends_them(cast):
    run = make_run(make_job())
    file = make_artifact(run)
    issued = tokens.create(owner=cast.dan, name="t", scopes=["jobs:read"], days=7, by=Actor.system("tests"))
    client = Client(headers={"Authorization": f"Bearer {issued.secret}"})
    (listed,) = client.get(f"/api/v1/runs/{run.pk}/artifacts").json()
    assert (listed["name"], listed["size"], listed["sha256"]) == (file.name, file.size, file.sha256)
    assert b"".join(client.get(listed["url"])) == b"month,rate\n2013-01,76.2\n"
