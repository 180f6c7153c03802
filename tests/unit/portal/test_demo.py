"""The demonstration: loaded once however often, gone without a trace of its own, refused in production."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.actions import assets
from catalog.choices import AssetKind, Certification
from catalog.models import Asset, Dataset, LineageEdge, Metric
from jobs.choices import RunState
from jobs.models import Backfill, Job, Run
from portal.accounts.models import Team, User
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from portal.configuration import Mode
from portal.demo import answers
from portal.demo.load import FIRST_JOBS, load, remove
from portal.evidence.models import Citation
from portal.notifications.models import Notification
from requests_app.choices import State
from requests_app.models import DataRequest, PoolMember
from tests.factories.catalog import edge, refresh

pytestmark = pytest.mark.django_db


def _counts() -> dict[str, int]:
    models = (User, Team, Job, Run, Asset, Dataset, Metric)
    return {model.__name__: model.objects.count() for model in models}


def queued() -> list[str]:
    return sorted(Run.objects.filter(state=RunState.QUEUED).values_list("job__key", flat=True))


FIRST_WEEK = ["load-daily-weather"] * 7


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.SOURCE_FOLDER = str(tmp_path)
    return tmp_path


def test_loading_twice_makes_everything_once() -> None:
    load()
    once = _counts()
    load()
    assert _counts() == once
    assert once["User"] == 6
    assert queued() == sorted([*FIRST_JOBS, *FIRST_WEEK])


def test_a_load_that_failed_is_started_again() -> None:
    load()
    Run.objects.update(state=RunState.FAILED, finished_at="2026-01-01T00:00:00Z")
    load()
    # A backfill that failed is for people to repeat: its page shows what is left.
    assert queued() == sorted(FIRST_JOBS)


def test_every_text_of_the_demonstration_is_there_in_both_languages() -> None:
    load()
    things: list[Any] = [*Asset.objects.all(), *Job.objects.all()]
    assert [thing.key for thing in things if not (thing.name_ko and thing.description_ko)] == []


def test_a_certification_that_was_taken_back_stays_taken_back() -> None:
    load()
    asset = Asset.objects.get(kind=AssetKind.DATASET, key="ops.flights")
    assert asset.certification == Certification.CERTIFIED
    assets.certify(asset=asset, certification=Certification.NONE, user=None, by=Actor.system("test"))
    load()
    asset.refresh_from_db()
    assert asset.certification == Certification.NONE


def test_removing_leaves_only_what_others_made() -> None:
    load()
    mine = User.objects.create_user("me@example.org", name="Me Myself")
    Asset.objects.create(kind=AssetKind.DATASET, key="sales.orders", name_en="Orders", owner=mine)
    edge(("source", "flights.csv"), ("job", "load-flights"))
    edge(("metric", "ops.on_time_rate"), ("job", "of-somebody"))
    tables = remove()
    assert "ops.flights" in tables
    assert _counts() == {"User": 1, "Team": 0, "Job": 0, "Run": 0, "Asset": 1, "Dataset": 0, "Metric": 0}
    assert not LineageEdge.objects.exists()
    assert AuditEvent.objects.filter(action="demo.removed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_its_files_are_there_for_a_backfill_and_go_with_it(files: Path) -> None:
    load()
    mine = files / "mine.csv"
    mine.touch()
    written = [path.name for path in sorted((files / "demo" / "weather").iterdir())]
    assert (written[0], written[-1], len(written)) == ("2013-01-01.csv", "2013-03-31.csv", 90)
    backfill = Backfill.objects.get()
    assert backfill.runs.filter(partition="2013-01-07", params={"day": "2013-01-07"}).exists()
    assert "ref.daily_weather" in remove()
    assert not Backfill.objects.exists()
    assert [path for path in files.rglob("*") if path.is_file()] == [mine]


def test_production_mode_refuses_it(settings: Any) -> None:
    settings.MODE = Mode.PRODUCTION
    with pytest.raises(CommandError, match="MODE=demo"):
        call_command("load_demo")
    assert not User.objects.exists()


def test_every_state_of_a_question_is_to_be_seen_and_nobody_is_told_of_the_past() -> None:
    load()
    shown = {question.state for question in DataRequest.objects.all()}
    assert shown == set(State)
    assert not Notification.objects.filter(kind__startswith="question.").exists()
    count = DataRequest.objects.count()
    load()
    assert DataRequest.objects.count() == count
    remove()
    assert not DataRequest.objects.exists()
    assert not PoolMember.objects.exists()


def test_answers_with_numbers_wait_for_the_numbers_and_carry_their_evidence() -> None:
    load()
    answers._last[0] = float("-inf")
    assert answers.answer_when_computed() == 0
    metric = Metric.objects.select_related("version").get(asset__key="ops.on_time_rate")
    refresh(metric, [("2013-11-01", 0.81), ("2013-12-01", 0.7225)])
    answers._last[0] = float("-inf")
    assert answers.answer_when_computed() == 1
    question = DataRequest.objects.get(form_token="demo:latest-on-time")
    assert question.state == State.ANSWERED
    assert "2013-12, **72.2%**" in question.answer.body
    assert Citation.objects.about("answer", str(question.answer.pk)).count() == 1
    answers._last[0] = float("-inf")
    assert answers.answer_when_computed() == 0
    remove()
