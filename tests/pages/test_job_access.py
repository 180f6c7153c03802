"""Who a job names may see, run and edit it beyond what their roles allow, and no further."""

from uuid import uuid4

import pytest
from django.test import Client

from jobs.models import Job
from portal.accounts.permissions import Permission
from tests.conftest import Cast
from tests.factories.jobs import make_job, make_run, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def hidden() -> Job:
    job = make_job(
        "close-months", name_en="Close months", private=True, kind="metric_refresh", config={"dataset": "x"}
    )
    make_version(job)
    return job


def statuses(client: Client) -> dict[str, int]:
    return {
        "see": client.get("/jobs/close-months/").status_code,
        "run": client.get("/jobs/close-months/run/").status_code,
        "edit": client.get("/jobs/close-months/edit/").status_code,
        "history": client.get("/jobs/close-months/versions/").status_code,
    }


def test_nobody_named_is_nobody_let_in(client: Client, cast: Cast, hidden: Job) -> None:
    client.force_login(cast.finn)
    assert set(statuses(client).values()) == {404}
    assert "Close months" not in client.get("/jobs/").content.decode()


@pytest.mark.parametrize("by_team", [False, True])
def test_who_is_named_to_run_sees_and_runs_and_does_not_edit(
    client: Client, cast: Cast, hidden: Job, by_team: bool
) -> None:
    if by_team:
        hidden.runner_teams.add(cast.finn.teams.get())
    else:
        hidden.runners.add(cast.finn)
    client.force_login(cast.finn)
    assert statuses(client) == {"see": 200, "run": 200, "edit": 403, "history": 403}
    assert "Run now: Close months" in client.get("/jobs/").content.decode()
    assert "Run Close months" in client.get("/find/?q=close").content.decode()
    assert client.post("/jobs/close-months/run/", {"once": uuid4()}).status_code == 302
    run = hidden.runs.get()
    assert "Cancel run" in client.get(f"/runs/{run.number}/").content.decode()
    assert client.post(f"/runs/{run.number}/cancel/").status_code == 302
    client.force_login(cast.ada)
    assert set(statuses(client).values()) == {404}


@pytest.mark.parametrize("by_team", [False, True])
def test_who_is_named_to_edit_runs_too_and_leaves_access_alone(
    client: Client, cast: Cast, hidden: Job, by_team: bool
) -> None:
    if by_team:
        hidden.editor_teams.add(cast.finn.teams.get())
    else:
        hidden.editors.add(cast.finn)
    client.force_login(cast.finn)
    assert statuses(client) == {"see": 200, "run": 200, "edit": 200, "history": 200}
    assert "Who sees, runs and edits it" not in client.get("/jobs/close-months/edit/").content.decode()
    sent = {
        "version": "1",
        "name_en": "Close the months",
        "pool": "default",
        "priority": "0",
        "max_active_runs": "1",
        "on_conflict": "queue",
        "timeout": "1 h",
        "max_attempts": "3",
        "backoff": "10",
        "backoff_cap": "600",
        "config.dataset": "y",
        "config.timeout": "60",
        "parameters.asks:choice": "built",
        "parameters.asks.built.rows:list": "0",
        "owner": cast.finn.email,
        "runners": cast.ada.email,
    }
    assert client.post("/jobs/close-months/edit/", sent).status_code == 302
    job = Job.objects.get()
    assert (job.name_en, job.config["dataset"], job.private) == ("Close the months", "y", True)
    assert (job.owner, list(job.runners.all())) == (None, [])
    assert client.get("/jobs/new/").status_code == 403
    assert "New job" not in client.get("/jobs/").content.decode()


def test_a_deactivated_person_is_let_in_nowhere(cast: Cast, hidden: Job) -> None:
    hidden.editors.add(cast.finn)
    cast.finn.is_active = False
    assert not Job.objects.visible_to(cast.finn).exists()


def test_naming_gives_nothing_beyond_running_and_editing(cast: Cast, hidden: Job) -> None:
    hidden.editors.add(cast.finn)
    allowed = {permission for permission in Permission if hidden.allows(cast.finn, permission)}
    beyond = allowed - cast.finn.permissions
    assert beyond == {Permission.RUN_JOBS, Permission.CANCEL_RUNS, Permission.EDIT_JOBS}
    other = make_job("other")
    assert not other.allows(cast.finn, Permission.RUN_JOBS)
    make_run(other)
