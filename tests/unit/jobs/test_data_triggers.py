"""Starts by new data: any or all, once each, no circle, written with the run that published."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection, transaction

from catalog.models import Dataset
from jobs.actions import data_triggers
from jobs.actions.data_triggers import Wish
from jobs.chains import begun_by
from jobs.choices import Gathering, RunState, Trigger
from jobs.engine import finish
from jobs.engine.claim import Claim, claim
from jobs.exceptions import InvalidDefinition, RefusedTrigger
from jobs.models import DataTrigger, Job, Run, RunEvent
from portal.audit.models import AuditEvent
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_job as make_shown
from tests.unit.jobs.conftest import TESTS

Make = Callable[..., Job]
Start = Callable[..., Run]
pytestmark = pytest.mark.django_db


def dataset(key: str) -> Dataset:
    made: Dataset = catalog.dataset(key)
    return made


def publish(run: Run, *datasets: Dataset) -> list[Run]:
    """What a kind's record and the finishing transaction do."""
    Dataset.objects.filter(pk__in=[each.pk for each in datasets]).update(published_by=run.pk)
    return DataTrigger.objects.fire(run, [each.asset.key for each in datasets])


def test_any_of_them_starts_the_job(make_job: Make, start: Start, cast: Cast) -> None:
    flights, weather, other = dataset("ops.flights"), dataset("ops.weather"), dataset("ops.other")
    waiting = make_job("waiting")
    data_triggers.add(job=waiting, wish=Wish(datasets=[flights, weather]), by=TESTS)
    load = start(make_job("load"))
    assert publish(load, other) == []
    (started,) = publish(load, weather)
    assert (started.job, started.trigger, started.state) == (waiting, Trigger.DATA, RunState.QUEUED)
    assert started.params == {"seconds": 0.0, "note": ""}, "the defaults"
    assert started.origin_id == load.pk
    assert begun_by([load], cast.dan) == [started]


def test_the_same_news_starts_it_once(make_job: Make, start: Start) -> None:
    flights = dataset("ops.flights")
    waiting = make_job("waiting")
    data_triggers.add(job=waiting, wish=Wish(datasets=[flights]), by=TESTS)
    load = start(make_job("load"))
    assert [run.pk for run in publish(load, flights)] == [run.pk for run in publish(load, flights)]
    assert waiting.runs.count() == 1


def test_all_of_them_must_come_since_the_last_start(make_job: Make, start: Start) -> None:
    flights, weather = dataset("ops.flights"), dataset("ops.weather")
    waiting, load = make_job("waiting"), make_job("load")
    wish = Wish(datasets=[flights, weather], gathering=Gathering.ALL)
    data_triggers.add(job=waiting, wish=wish, by=TESTS)
    assert publish(start(load), flights) == []
    assert publish(start(load), flights) == []
    assert len(publish(start(load), weather)) == 1
    assert publish(start(load), weather) == []
    assert len(publish(start(load), flights)) == 1
    assert len(publish(start(load), flights, weather)) == 1
    assert waiting.runs.count() == 3


def test_what_an_older_run_published_is_no_news(make_job: Make, start: Start) -> None:
    flights = dataset("ops.flights")
    data_triggers.add(job=make_job("waiting"), wish=Wish(datasets=[flights]), by=TESTS)
    older, newer = start(make_job("load")), start(make_job("load"))
    publish(newer, flights)
    assert DataTrigger.objects.fire(older, ["ops.flights"]) == []


def test_a_paused_trigger_and_a_job_that_is_off_start_nothing(make_job: Make, start: Start) -> None:
    flights = dataset("ops.flights")
    waiting, load = make_job("waiting"), make_job("load")
    trigger = data_triggers.add(job=waiting, wish=Wish(datasets=[flights]), by=TESTS)
    data_triggers.pause(trigger=trigger, by=TESTS)
    assert publish(start(load), flights) == []
    data_triggers.resume(trigger=trigger, by=TESTS)
    Job.objects.filter(pk=waiting.pk).update(enabled=False)
    assert publish(start(load), flights) == []
    Job.objects.filter(pk=waiting.pk).update(enabled=True)
    assert len(publish(start(load), flights)) == 1
    actions = AuditEvent.objects.filter(action__startswith="trigger.").order_by("id")
    assert [event.action for event in actions] == ["trigger.added", "trigger.paused", "trigger.resumed"]


def test_it_is_queued_in_the_transaction_that_ends_the_run(
    make_job: Make, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    flights = dataset("ops.flights")
    waiting = make_job("waiting")
    data_triggers.add(job=waiting, wish=Wish(datasets=[flights], params={}), by=TESTS)
    run = start(make_job("load"))
    held = claim("worker-1")
    assert isinstance(held, Claim)

    class Runner:
        def record(self, *, run: Run, outputs: dict[str, object]) -> dict[str, object]:
            Dataset.objects.filter(pk=flights.pk).update(published_by=run.pk)
            return {"datasets": [{"key": "ops.flights", "row_count": 1}]}

    monkeypatch.setattr(finish, "runner_for", lambda _kind: Runner())
    monkeypatch.setattr(DataTrigger, "start", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        finish.succeed(held, {}, {})
    run.refresh_from_db()
    assert (run.state, waiting.runs.count()) == (RunState.RUNNING, 0)
    monkeypatch.undo()
    monkeypatch.setattr(finish, "runner_for", lambda _kind: Runner())
    assert finish.succeed(held, {}, {})
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert waiting.runs.get().principal == f"run:{run.pk}"
    assert not finish.succeed(held, {}, {})
    assert waiting.runs.count() == 1


class TestCircles:
    def test_a_job_does_not_wait_for_what_it_publishes(self, make_job: Make) -> None:
        flights = dataset("ops.flights")
        job = make_job("load")
        catalog.edge(("job", "load"), ("dataset", "ops.flights"))
        with pytest.raises(RefusedTrigger, match=r"load → ops\.flights → load"):
            data_triggers.add(job=job, wish=Wish(datasets=[flights]), by=TESTS)
        assert not job.data_triggers.exists()

    def test_a_longer_circle_is_named(self, make_job: Make) -> None:
        flights, delays = dataset("ops.flights"), dataset("ops.delays")
        load, model = make_job("load"), make_job("model")
        make_job("report", after=("model",))
        catalog.edge(("job", "load"), ("dataset", "ops.flights"))
        catalog.edge(("job", "report"), ("dataset", "ops.delays"))
        data_triggers.add(job=model, wish=Wish(datasets=[flights]), by=TESTS)
        with pytest.raises(RefusedTrigger) as caught:
            data_triggers.add(job=load, wish=Wish(datasets=[delays]), by=TESTS)
        words = "load → ops.flights → model → report → ops.delays → load. Leave out ops.delays."
        assert words in caught.value.errors[0]["message"]

    def test_jobs_after_each_other_make_no_circle(self, make_job: Make) -> None:
        make_job("first")
        make_job("second", after=("first",))
        make_job("third", after=("second",))
        with pytest.raises(InvalidDefinition, match="first → second → third → first"):
            make_job("first", after=("third",))
        assert not Job.objects.get(key="first").after.exists()
        with pytest.raises(InvalidDefinition, match="third → third"):
            make_job("third", after=("third",))

    def test_a_diamond_is_no_circle(self, make_job: Make) -> None:
        make_job("top")
        make_job("left", after=("top",))
        make_job("right", after=("top",))
        assert make_job("bottom", after=("left", "right")).after.count() == 2

    def test_one_that_came_about_later_ends_after_a_round(self, make_job: Make, start: Start) -> None:
        flights, delays = dataset("ops.flights"), dataset("ops.delays")
        load, model = make_job("load"), make_job("model")
        data_triggers.add(job=model, wish=Wish(datasets=[flights]), by=TESTS)
        data_triggers.add(job=load, wish=Wish(datasets=[delays]), by=TESTS)
        first = start(load)
        (second,) = publish(first, flights)
        assert publish(second, delays) == []
        stopped = RunEvent.objects.get(kind="circle_stopped")
        assert (stopped.run, stopped.data["job"]) == (second, "load")
        assert load.runs.count() == 1


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish(datasets=[]), "datasets"),
        (Wish(datasets=[], gathering="some"), "datasets"),
    ],
)
def test_what_does_not_fit_is_refused(make_job: Make, wish: Wish, field: str) -> None:
    with pytest.raises(RefusedTrigger) as caught:
        data_triggers.add(job=make_job(), wish=wish, by=TESTS)
    assert caught.value.errors[0]["field"] == field


def test_parameters_fit_the_job_and_equal_triggers_are_one(make_job: Make) -> None:
    flights = dataset("ops.flights")
    job = make_job()
    with pytest.raises(RefusedTrigger, match="nobody"):
        data_triggers.add(job=job, wish=Wish(datasets=[flights], params={"nobody": 1}), by=TESTS)
    data_triggers.add(job=job, wish=Wish(datasets=[flights]), by=TESTS)
    with pytest.raises(RefusedTrigger, match="already has"):
        data_triggers.add(job=job, wish=Wish(datasets=[flights]), by=TESTS)


def test_a_changed_trigger_keeps_what_has_come(make_job: Make, start: Start, cast: Cast) -> None:
    flights, weather, planes = dataset("ops.flights"), dataset("ops.weather"), dataset("ops.planes")
    job = make_job("waiting")
    wish = Wish(datasets=[flights, weather], gathering=Gathering.ALL)
    trigger = data_triggers.add(job=job, wish=wish, by=TESTS)
    load = start(make_job("load"))
    publish(load, flights)
    changed = Wish(datasets=[flights, planes], gathering=Gathering.ALL)
    data_triggers.edit(trigger=trigger, wish=changed, reader=cast.dan, by=TESTS)
    marks: dict[str, UUID | None] = dict(trigger.watched.values_list("dataset__asset__key", "fresh_by"))
    assert marks == {"ops.flights": load.pk, "ops.planes": None}


@pytest.mark.django_db(transaction=True)
def test_two_runs_that_publish_at_once_start_the_last_gatherer_once() -> None:
    flights, weather = dataset("ops.flights"), dataset("ops.weather")
    waiting, load = make_shown("waiting"), make_shown("load")
    wish = Wish(datasets=[flights, weather], gathering=Gathering.ALL)
    data_triggers.add(job=waiting, wish=wish, by=TESTS)
    for round_ in range(1, 6):
        meet = threading.Barrier(2, timeout=20)
        failed: list[BaseException] = []

        def one(what: Dataset, meet: threading.Barrier = meet, failed: list[BaseException] = failed) -> None:
            try:
                with transaction.atomic():
                    run = Run.objects.create(
                        job=load, pool=load.pool, trigger=Trigger.API, principal=f"t:{what.pk}"
                    )
                    meet.wait()
                    publish(run, what)
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()

        both = [threading.Thread(target=one, args=[each]) for each in (flights, weather)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert failed == []
        assert waiting.runs.count() == round_
