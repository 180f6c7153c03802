"""What a failing job hurts: all that hangs on it, in few queries, and no name that its reader may not see."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from catalog.choices import NodeKind, Visibility
from catalog.lineage import step_around
from jobs.actions.jobs import JobDefinition, register
from jobs.alerts import questions_citing
from jobs.impact import fed_by
from jobs.models import Job
from portal.accounts.models import Team, User
from portal.audit.actions import Actor
from requests_app.choices import Visibility as AskedBy
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_job, make_trigger
from tests.factories.questions import make_question

pytestmark = pytest.mark.django_db
TESTS = Actor.system("tests")


def keys(job: Job, user: User) -> list[str]:
    return [thing.key for thing in fed_by(job, user)]


def make_report(key: str, *metrics: str, **fields: Any) -> Job:
    sections = [{"kind": "metric", "metric": metric} for metric in metrics]
    return register(
        definition=JobDefinition(
            key=key,
            name_en=key.capitalize(),
            name_ko="",
            kind="report",
            config={"title_en": "Report", "sections": sections},
            **fields,
        ),
        by=TESTS,
    )


class TestRefresh:
    """A refresh that fails hurts its metrics and the reports that show them, before any run as well."""

    def test_the_metrics_of_its_dataset_and_their_reports(self, cast: Cast) -> None:
        refresh = make_job("refresh", kind="metric_refresh", config={"dataset": "flights"})
        assert keys(refresh, cast.dan) == []
        catalog.metric("rate")
        catalog.metric("other", version=catalog.definition(dataset="trains"))
        make_report("weekly", "rate")
        (rate, weekly) = fed_by(refresh, cast.dan)
        assert (rate.kind, rate.key, rate.direct, rate.waits) == ("metric", "rate", True, False)
        assert (weekly.key, weekly.direct, weekly.waits) == ("weekly", False, False)
        assert weekly.node.url == "/reports/weekly/"

    def test_the_metrics_that_it_names_and_what_is_derived_from_them(self, cast: Cast) -> None:
        for key in ("rate", "count", "derived"):
            catalog.metric(key)
        catalog.edge(("metric", "count"), ("metric", "derived"), source="definition")
        refresh = make_job("refresh", kind="metric_refresh", config={"metrics": ["count", "gone"]})
        assert keys(refresh, cast.dan) == ["count", "derived"]

    def test_also_where_it_only_follows_the_job_that_fails(self, cast: Cast) -> None:
        catalog.metric("rate")
        load = make_job("load")
        check = make_job("check")
        refresh = make_job("refresh", kind="metric_refresh", config={"metrics": ["rate"]})
        check.after.add(load)
        refresh.after.add(check)
        found = {thing.key: (thing.direct, thing.waits) for thing in fed_by(load, cast.dan)}
        assert found == {"check": (True, True), "refresh": (False, True), "rate": (False, False)}


def test_a_job_is_left_out_whose_tables_are_named_unless_it_waits(cast: Cast) -> None:
    load, model = make_job("load"), make_job("model")
    make_job("export")
    for key in ("flights", "delays"):
        catalog.dataset(key)
    catalog.edge(("job", "load"), ("dataset", "flights"))
    catalog.edge(("dataset", "flights"), ("job", "model"))
    catalog.edge(("dataset", "flights"), ("job", "export"))
    catalog.edge(("job", "model"), ("dataset", "delays"))
    assert keys(load, cast.dan) == ["flights", "export", "delays"]
    model.after.add(load)
    assert keys(load, cast.dan) == ["flights", "model", "delays", "export"]


class TestCheck:
    """A check that fails puts its dataset in doubt, and all that is made of it."""

    @pytest.fixture
    def check(self, cast: Cast) -> Job:
        check = make_job("check", kind="quality_check", config={"dataset": "flights", "checks": []})
        table = catalog.dataset("flights")
        catalog.metric("rate", version=catalog.definition(dataset="flights"))
        catalog.edge(("dataset", "flights"), ("metric", "rate"), source="definition")
        make_report("weekly", "rate")
        make_trigger(make_job("watching"), table)
        make_job("next").after.add(check)
        return check

    def test_the_dataset_what_is_made_of_it_and_the_jobs_that_wait(self, check: Job, cast: Cast) -> None:
        found = fed_by(check, cast.dan)
        assert [thing.key for thing in found if thing.direct] == ["flights", "next"]
        doubtful = {thing.key for thing in found if thing.doubtful}
        # The watching job has started with the version that is in doubt now.
        assert doubtful == {"flights", "rate", "weekly", "watching"}
        assert {thing.key for thing in found if thing.waits} == {"next"}

    def test_open_questions_about_it(self, check: Job, cast: Cast) -> None:
        make_question(cast.ada, "Can it be true?", links=[("dataset", "flights")])
        (found,) = questions_citing(check, fed_by(check, cast.dan), cast.dan)
        assert found.node.label.endswith("Can it be true?")

    def test_a_dataset_that_the_check_reads_hurts_no_other_by_it(self, check: Job, cast: Cast) -> None:
        load = make_job("load")
        check.after.add(load)
        assert {thing.key: thing.doubtful for thing in fed_by(load, cast.dan)} == {
            "check": False,
            "next": False,
        }

    def test_a_hidden_dataset_is_not_named(self, check: Job, cast: Cast) -> None:
        data = Team.objects.get(key="data")
        catalog.dataset("pay", visibility=Visibility.TEAM, team=data)
        type(check).objects.filter(pk=check.pk).update(config={"dataset": "pay", "checks": []})
        check.refresh_from_db()
        assert keys(check, cast.dan) == ["pay", "next"]
        assert keys(check, cast.finn) == ["next"]


def test_a_job_that_waits_for_new_data_is_hurt_unless_that_start_is_paused(cast: Cast) -> None:
    load, waiting = make_job("load"), make_job("waiting")
    table = catalog.dataset("flights")
    catalog.edge(("job", "load"), ("dataset", "flights"))
    trigger = make_trigger(waiting, table)
    assert keys(load, cast.dan) == ["flights", "waiting"]
    trigger.enabled = False
    trigger.save()
    assert keys(load, cast.dan) == ["flights"]


def test_reports_are_named_behind_however_many_tables(cast: Cast) -> None:
    load = make_job("load")
    for number in range(60):
        catalog.dataset(f"t{number}")
        catalog.edge(("job", "load"), ("dataset", f"t{number}"))
    catalog.edge(("dataset", "t7"), ("job", "weekly"), source="definition")
    make_job("weekly", kind="report")
    assert keys(load, cast.dan)[-1] == "weekly"


class TestPermission:
    """Whoever may not see a thing does not learn its name from what it hangs on."""

    @pytest.fixture
    def load(self, cast: Cast) -> Job:
        load = make_job("load")
        data = Team.objects.get(key="data")
        hidden = {"visibility": Visibility.TEAM, "team": data}
        catalog.dataset("salaries", **hidden)
        catalog.metric("median", version=catalog.definition(dataset="salaries"), **hidden)
        catalog.edge(("job", "load"), ("dataset", "salaries"))
        catalog.edge(("dataset", "salaries"), ("metric", "median"), source="definition")
        make_report("pay", "median", private=True, team_key="data")
        make_question(cast.ada, "Whom to dismiss?", visibility=AskedBy.PRIVATE, links=[("metric", "median")])
        return load

    def test_dataset_metric_report_and_question(self, load: Job, cast: Cast) -> None:
        assert keys(load, cast.dan) == ["salaries", "median", "pay"]
        assert fed_by(load, cast.finn) == []
        asked = questions_citing(load, fed_by(load, cast.ada), cast.ada)
        assert asked == [], "what it hangs on is hidden from her"

    def test_metrics_of_a_refresh(self, load: Job, cast: Cast) -> None:
        refresh = make_job("refresh", kind="metric_refresh", config={"metrics": ["median"]})
        by_dataset = make_job("by-dataset", kind="metric_refresh", config={"dataset": "salaries"})
        for job in (refresh, by_dataset):
            assert keys(job, cast.dan) == ["median", "pay"]
            assert fed_by(job, cast.finn) == []

    def test_reports_below_a_metric(self, load: Job, cast: Cast) -> None:
        catalog.metric("public")
        make_report("secret", "public", private=True, team_key="data")
        step = step_around(NodeKind.METRIC, "public", cast.dan)
        assert [each.key for each in step.downstream] == ["secret"]
        assert not step_around(NodeKind.METRIC, "public", cast.finn)


def test_open_questions_are_named_for_everything_that_hangs_on_it(cast: Cast) -> None:
    load = make_job("load")
    for number in range(20):
        catalog.dataset(f"t{number:02}")
        catalog.edge(("job", "load"), ("dataset", f"t{number:02}"))
    make_question(cast.ada, "About the last?", links=[("dataset", "t19")])
    make_question(cast.ada, "About two?", links=[("dataset", "t00"), ("dataset", "t01")])
    make_question(cast.ada, "About the job?", links=[("job", "load")])
    make_question(cast.ada, "About another?", links=[("dataset", "other")])
    closed = make_question(cast.ada, "Answered long ago?", links=[("dataset", "t00")])
    type(closed).objects.filter(pk=closed.pk).update(state="closed", closed_at=closed.created_at)
    found = questions_citing(load, fed_by(load, cast.dan), cast.dan)
    titles = [usage.node.label.partition(" ")[2] for usage in found]
    assert titles == ["About the job?", "About two?", "About the last?"]


def test_impact_and_lineage_take_as_many_queries_for_many_things_as_for_few(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    load = make_job("load")

    def grow(numbers: range) -> None:
        for number in numbers:
            catalog.dataset(f"t{number}")
            catalog.metric(f"m{number}", version=catalog.definition(dataset=f"t{number}"))
            catalog.edge(("job", "load"), ("dataset", f"t{number}"))
            catalog.edge(("dataset", f"t{number}"), ("metric", f"m{number}"), source="definition")
            refresh = make_job(f"r{number}", kind="metric_refresh", config={"dataset": f"t{number}"})
            refresh.after.add(load)
            make_report(f"weekly{number}", *{f"m{number}", "m0"}, after=(refresh.key,))
            make_question(cast.ada, f"Question {number}?", links=[("metric", f"m{number}")])

    def hurt() -> int:
        fed = fed_by(load, cast.dan)
        assert len(questions_citing(load, fed, cast.dan)) == len(fed) // 4
        return len(fed)

    grow(range(1))
    assert hurt() == 4
    with CaptureQueriesContext(connection) as few:
        hurt()
    with CaptureQueriesContext(connection) as around:
        step_around(NodeKind.METRIC, "m0", cast.dan)
    grow(range(1, 9))
    assert hurt() == 36
    with django_assert_num_queries(len(few)):
        hurt()
    with django_assert_num_queries(len(around)):
        assert len(step_around(NodeKind.METRIC, "m0", cast.dan).downstream) == 9
    assert len(few) <= 20
