"""Jobs from files: made, changed and switched off as the folder says, each file wholly or not at all."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs import job_files
from jobs.actions.files import Synced, sync
from jobs.actions.housekeeping import READ_JOB_FILES, register_system_jobs
from jobs.actions.runs import trigger
from jobs.choices import RunState, Source, Trigger
from jobs.engine.claim import claim
from jobs.engine.inline import run_inline
from jobs.models import Job, Run, Schedule
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories.jobs import make_job

pytestmark = pytest.mark.django_db

TOML = """
[[jobs]]
key = "refresh-orders"
kind = "metric_refresh"
name_en = "Refresh orders"
timeout = 900
after = ["load-orders"]
config = { dataset = "ops.orders" }

[[jobs]]
key = "load-orders"
kind = "metric_refresh"
name_en = "Load orders"

[jobs.config]
dataset = "ops.raw"

[[jobs.schedules]]
cron = "10 6 * * *"
zone = "Asia/Seoul"
"""
YAML = """\
jobs:
  - key: report-orders
    kind: metric_refresh
    name_en: Report orders
    name_ko: 주문 보고
    after: [refresh-orders]
    config:
      dataset: ops.orders
    parameters_schema:
      type: object
      properties:
        day: {type: string, format: date, default: 2026-01-01}
      additionalProperties: false
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def run(folder: Path) -> Synced:
    return sync(folder=str(folder), by=Actor.system("tests"))


def told(synced: Synced) -> list[str]:
    return [str(fault) for fault in synced.faults]


def test_files_of_both_kinds_make_jobs_whatever_their_order(folder: Path) -> None:
    # The report comes first by name, and after a job of the other file.
    (folder / "a.yaml").write_text(YAML)
    (folder / "deep").mkdir()
    (folder / "deep" / "jobs.toml").write_text(TOML)
    synced = run(folder)
    assert told(synced) == []
    assert sorted(synced.created) == ["load-orders", "refresh-orders", "report-orders"]
    job = Job.objects.get(key="report-orders")
    assert (job.source, job.origin, job.name_ko) == (Source.FILE, "a.yaml", "주문 보고")
    assert job.parameters_schema["properties"]["day"]["default"] == "2026-01-01"
    assert [before.key for before in job.after.all()] == ["refresh-orders"]
    load = Job.objects.get(key="load-orders")
    assert (load.origin, load.schedules.get().zone) == ("deep/jobs.toml", "Asia/Seoul")


def test_the_same_files_again_change_nothing_and_a_change_is_a_version(folder: Path) -> None:
    (folder / "jobs.toml").write_text(TOML)
    run(folder)
    again = run(folder)
    assert (again.created, again.changed, len(again.unchanged)) == ([], [], 2)
    assert not Job.objects.exclude(version=1).exists()
    (folder / "jobs.toml").write_text(TOML.replace("900", "1200"))
    assert run(folder).changed == ["refresh-orders"]
    job = Job.objects.get(key="refresh-orders")
    assert (job.version, job.timeout) == (2, 1200)


def test_what_is_gone_is_switched_off_and_comes_back_on(folder: Path) -> None:
    (folder / "jobs.toml").write_text(TOML)
    (folder / "report.yaml").write_text(YAML)
    run(folder)
    (folder / "report.yaml").unlink()
    assert run(folder).switched_off == ["report-orders"]
    job = Job.objects.get(key="report-orders")
    assert (job.enabled, job.is_gone) == (False, True)
    assert run(folder).switched_off == []
    (folder / "report.yaml").write_text(YAML)
    run(folder)
    job.refresh_from_db()
    assert (job.enabled, job.origin) == (True, "report.yaml")
    actions = AuditEvent.objects.filter(object_id=job.key).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["job.registered", "job.switched_off", "job.switched_on"]


def test_what_comes_back_catches_nothing_up(folder: Path) -> None:
    (folder / "jobs.toml").write_text(TOML)
    (folder / "report.yaml").write_text(YAML)
    run(folder)
    (folder / "jobs.toml").unlink()
    assert "load-orders" in run(folder).switched_off
    schedules = Schedule.objects.filter(job__key="load-orders", next_slot__lt=timezone.now())
    Schedule.objects.update(next_slot=timezone.now() - timedelta(days=30))
    assert schedules.exists()
    (folder / "jobs.toml").write_text(TOML)
    run(folder)
    assert not schedules.exists()


def test_what_somebody_switched_off_stays_off(folder: Path) -> None:
    (folder / "jobs.toml").write_text(TOML)
    run(folder)
    Job.objects.filter(key="load-orders").update(enabled=False)
    (folder / "jobs.toml").write_text(TOML.replace("Load orders", "Load all orders"))
    run(folder)
    job = Job.objects.get(key="load-orders")
    assert (job.enabled, job.name_en) == (False, "Load all orders")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("jobs.toml", TOML.replace("timeout = 900", 'timeout = "long"'), "line 6, jobs.0.timeout"),
        ("jobs.toml", TOML.replace('"ops.raw"', '"ops.raw"\nother = 1'), "line 17, jobs.1.config.other"),
        ("jobs.toml", TOML.replace("10 6 * * *", "61 6 * * *"), "line 19, jobs.1.schedules.0.cron"),
        ("jobs.toml", TOML.replace("load-orders", "no-such", 1), "line 7, jobs.0.after"),
        ("jobs.toml", TOML.replace("metric_refresh", "query", 1), "line 4, jobs.0.kind"),
        ("jobs.toml", TOML.replace("timeout", "timeuot"), "line 6, jobs.0.timeuot: There is no such field."),
        ("jobs.toml", "jobs = [", "jobs.toml"),
        ("jobs.toml", "\n\nx = = 1", "jobs.toml, line 3"),
        ("jobs.toml", '[[jobs]]\nkey = "a"', "line 1, jobs.0.kind: This is needed."),
        ("jobs.yaml", "jobs:\n  - key: a\n    key: b\n", "jobs.yaml, line 3: key stands here twice."),
        ("jobs.yaml", "jobs: &a [*a]", "jobs.yaml, line 1: Aliases"),
        ("jobs.yaml", "jobs:\n  - {", "jobs.yaml, line 2"),
        ("jobs.yaml", "jobs: !!python/object/apply:os.system [true]", "jobs.yaml, line 1"),
        ("jobs.yaml", "- 1", "jobs.yaml, line 1: It takes names with values."),
        ("jobs.yaml", "", "jobs.yaml: It takes names with values."),
        ("jobs.yaml", YAML.replace("dataset: ops.orders", "dataset: .nan"), "jobs.yaml"),
        ("jobs.yaml", YAML.replace("[refresh-orders]", "[report-orders]"), "jobs.0.after"),
        ("jobs.yaml", YAML + "    owner_email: nobody@example.org\n", "line 14, jobs.0.owner_email"),
        ("jobs.yaml", YAML.replace("[refresh-orders]", "refresh-orders"), "line 6, jobs.0.after"),
    ],
)
def test_a_faulty_file_is_named_and_changes_nothing_else(
    folder: Path, name: str, text: str, fault: str
) -> None:
    good = "[[jobs]]\nkey='good'\nkind='metric_refresh'\nname_en='Good'\nconfig={dataset='x'}\n"
    (folder / "good.toml").write_text(good)
    (folder / name).write_text(text)
    synced = run(folder)
    assert synced.created == ["good"]
    assert [job.key for job in Job.objects.all()] == ["good"]
    assert any(each.startswith(name) and fault in each for each in told(synced)), told(synced)


def test_a_file_that_became_faulty_leaves_its_jobs_as_they_are(folder: Path) -> None:
    (folder / "jobs.toml").write_text(TOML)
    run(folder)
    (folder / "jobs.toml").write_text(TOML.replace("900", "1200") + "\n[[jobs]]\n")
    synced = run(folder)
    assert len(synced.faults) == 3
    assert synced.switched_off == synced.changed == []
    assert Job.objects.get(key="refresh-orders").timeout == 900
    (folder / "jobs.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in told(run(folder))[0]
    assert Job.objects.filter(enabled=True).count() == 2


def test_a_circle_within_a_file_is_named(folder: Path) -> None:
    (folder / "jobs.toml").write_text(
        TOML.replace('name_en = "Load orders"', 'name_en = "L"\nafter = ["refresh-orders"]')
    )
    assert "jobs." in told(run(folder))[0]
    assert not Job.objects.exists()


def test_two_files_cannot_define_one_job(folder: Path) -> None:
    (folder / "a.toml").write_text(TOML)
    (folder / "b.toml").write_text(TOML)
    synced = run(folder)
    assert "b.toml, line 3, jobs.0.key: a.toml defines this job as well." in told(synced)
    assert set(Job.objects.values_list("origin", flat=True)) == {"a.toml"}


def test_a_job_that_was_made_in_the_portal_is_not_taken(folder: Path) -> None:
    make_job("refresh-orders")
    (folder / "jobs.toml").write_text(TOML)
    synced = run(folder)
    assert "made in the portal or in code" in told(synced)[0]
    assert [job.key for job in Job.objects.all()] == ["refresh-orders"]
    assert Job.objects.get().source == Source.PORTAL


def test_a_folder_that_is_away_switches_nothing_off(folder: Path) -> None:
    (folder / "jobs.toml").write_text(TOML)
    run(folder)
    (folder / "jobs.toml").unlink()
    assert "nothing is switched off" in told(run(folder))[0]
    assert "no such folder" in told(run(folder / "nowhere"))[0]
    assert Job.objects.filter(enabled=True).count() == 2


def test_links_and_hidden_folders_lead_nowhere(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "jobs.toml").write_text(TOML)
    (folder / "linked.toml").symlink_to(elsewhere / "jobs.toml")
    (folder / ".git").mkdir()
    (folder / ".git" / "jobs.toml").write_text(TOML)
    assert run(folder).created == []
    assert not Job.objects.exists()


def test_the_command_says_what_it_did_and_fails_on_a_fault(folder: Path, cast: Cast) -> None:
    (folder / "jobs.toml").write_text(TOML)
    out = StringIO()
    call_command("sync_jobs", str(folder), stdout=out)
    assert "created: load-orders" in out.getvalue()
    (folder / "jobs.toml").write_text("jobs = 1")
    with pytest.raises(CommandError, match=r"jobs\.toml, line 1, jobs: It takes a list"):
        call_command("sync_jobs", str(folder), stdout=out)
    with pytest.raises(CommandError, match="JOBS_FOLDER"):
        call_command("sync_jobs", "", stdout=out)


class TestTheJob:
    def worked_off(self) -> Run:
        job = Job.objects.get(key=READ_JOB_FILES.key)
        by = Actor.system("tests")
        run = trigger(
            job=job, params={}, by=by, trigger=Trigger.MANUAL, requested_by=None, principal="tests"
        ).run
        held = claim("tests")
        assert held is not None
        run_inline(held)
        run.refresh_from_db()
        return run

    def test_it_reads_the_folder_and_fails_with_the_fault(self, folder: Path, settings: Any) -> None:
        settings.JOBS_FOLDER = str(folder)
        register_system_jobs()
        (folder / "jobs.toml").write_text(TOML)
        run = self.worked_off()
        assert (run.state, run.error) == (RunState.SUCCEEDED, {})
        assert run.outputs == {"created": 2, "changed": 0, "unchanged": 0, "switched_off": 0}
        (folder / "bad.yaml").write_text("jobs: 1")
        run = self.worked_off()
        assert (run.state, run.error["class"]) == (RunState.FAILED, "bad_input")
        assert "bad.yaml, line 1, jobs: It takes a list." in run.error["message"]

    def test_it_is_there_only_where_there_is_a_folder(self, folder: Path, settings: Any) -> None:
        settings.JOBS_FOLDER = ""
        register_system_jobs()
        assert not Job.objects.filter(key=READ_JOB_FILES.key).exists()
        settings.JOBS_FOLDER = str(folder)
        register_system_jobs()
        assert Job.objects.get(key=READ_JOB_FILES.key).enabled
        settings.JOBS_FOLDER = ""
        register_system_jobs()
        assert not Job.objects.get(key=READ_JOB_FILES.key).enabled


def test_files_beyond_the_most_are_faulty_and_their_jobs_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.toml").write_text(TOML)
    (tmp_path / "b.yaml").write_text(YAML)
    sync(folder=str(tmp_path), by=Actor.system("tests"))
    monkeypatch.setattr(job_files, "MOST_FILES", 1)
    synced = sync(folder=str(tmp_path), by=Actor.system("tests"))
    assert [str(fault) for fault in synced.faults] == ["b.yaml: A folder holds at most 1 files of jobs."]
    assert synced.switched_off == []
    assert Job.objects.get(key="report-orders").enabled
