"""A report made from an answer: the editor filled in, with a rhythm, and linked both ways."""

from typing import Any

import pytest
from django.test import Client

from catalog.choices import Visibility
from catalog.models import Dataset
from jobs.models import Job
from portal.audit.actions import Actor
from portal.evidence.actions import cite, record_result
from portal.evidence.models import Evidence
from requests_app.actions import answers
from requests_app.choices import State
from requests_app.models import Answer, DataRequest, QuestionLink
from tests.conftest import Cast
from tests.factories.catalog import dataset, metric
from tests.factories.jobs import make_job, make_pool
from tests.factories.questions import bring, make_question

pytestmark = pytest.mark.django_db
SQL = "SELECT carrier FROM flights.flights WHERE carrier <> $code"


def proof(**fields: Any) -> Evidence:
    values = {
        "sql": SQL,
        "parameters": {"code": "UA"},
        "dialect": "duckdb",
        "engine": "duckdb 1",
        "snapshot": 7,
        "tables": ["flights.flights"],
        "columns": [{"name": "carrier", "type": "VARCHAR"}],
        "rows": [["AA"]],
        "row_count": 1,
        "cut": False,
        "result_hash": "0" * 64,
        "duration_ms": 3,
        "charts": {},
        "run_id": None,
        **fields,
    }
    return record_result(**values)


def answered(cast: Cast, *evidence: Evidence, **fields: Any) -> DataRequest:
    """Return a question of Ada's that Ben has answered by this evidence."""
    question = make_question(cast.ada, **fields)
    bring(question, State.IN_PROGRESS, lead=cast.cleo, analyst=cast.ben)
    by = Actor.person(cast.ben)
    draft = answers.save_draft_answer(question=question, body="It was **12 %**.", user=cast.ben, by=by)
    for each in evidence:
        cite(evidence=each, about=draft.reference, title="Carriers", user=cast.ben, by=by)
    question.refresh_from_db()
    answers.publish_answer(
        question=question, user=cast.ben, by=by, body=draft.body, answer_version=draft.version
    )
    return DataRequest.objects.get(pk=question.pk)


@pytest.fixture
def ben(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ben)
    make_pool()
    dataset("flights", table={"physical_name": "flights.flights"}, columns=["carrier"])
    return client


def page(question: DataRequest) -> str:
    return f"/requests/{question.number}/answer/report/"


def sent_by(form: Any) -> dict[str, Any]:
    """Return what a browser would send of the form as it is shown."""
    sent: dict[str, Any] = {}
    for part in (form.common, form.config, form.parameters):
        for name in part.fields:
            value = part[name].value()
            if value is not None and value is not False:
                sent[name] = "on" if value is True else value
    nodes = [form.config.root, form.parameters.root]
    while nodes:
        node = nodes.pop()
        nodes += node.children
        if node.shape in {"list", "choice", "maybe"}:
            sent[node.name] = node.chosen
    return sent


def test_the_editor_opens_with_the_answers_text_and_proofs(ben: Client, cast: Cast) -> None:
    rate = metric("rate", points=[("2013-01-01", 0.7), ("2013-02-01", 0.8)])
    question = answered(cast, proof(), rate.points.get(starts_on="2013-02-01").evidence)
    assert page(question) in ben.get(f"/requests/{question.number}/").content.decode()
    response = ben.get(page(question))
    assert response.status_code == 200
    form = response.context["form"]
    sections = form.config.root.children
    assert "It was **12 %**." in response.content.decode()
    assert form.config["config.sections.1.query.sql"].value() == SQL
    assert form.config["config.sections.2.metric.metric"].value() == "rate"
    assert form.parameters["parameters.asks.built.rows.0.default"].value() == "UA"
    assert response.context["rhythm"] == "monthly"
    assert sections


def test_a_korean_answer_fills_the_korean_fields_and_gets_a_key_of_its_number(
    ben: Client, cast: Cast
) -> None:
    question = answered(cast, proof(), title="지연율은 얼마인가요?")
    make_job(f"answer-{question.number}")
    response = ben.get(page(question))
    form = response.context["form"]
    assert form.common["name_ko"].value() == form.common["name_en"].value() == "지연율은 얼마인가요?"
    assert form.common["description_ko"].value() == f"{question.label} 지연율은 얼마인가요?"
    assert form.config["config.sections.0.text.text_ko"].value() == "It was **12 %**."
    assert form.common["key"].value() == f"answer-{question.number}-2"
    assert "The answer is in Korean" in response.content.decode()


def test_a_metric_that_was_refreshed_since_becomes_a_metric_still(ben: Client, cast: Cast) -> None:
    rate = metric("rate", points=[("2013-01-01", 0.7), ("2013-02-01", 0.8)])
    now = rate.points.get(starts_on="2013-02-01").evidence
    before = proof(sql=now.sql, run_id=None, tables=now.tables)
    question = answered(cast, before)
    form = ben.get(page(question)).context["form"]
    assert form.config["config.sections.1.metric.metric"].value() == "rate"


def test_what_is_made_and_the_question_lead_to_each_other(ben: Client, cast: Cast) -> None:
    question = answered(cast, proof(), proof(parameters={"code": "DL"}))
    start = ben.get(page(question))
    response = ben.post(page(question), {**sent_by(start.context["form"]), "rhythm": "weekly"})
    assert response.status_code == 302, [
        response.context["form"].common.errors,
        response.context["form"].config.errors,
        response.context["form"].errors,
    ]
    job = Job.objects.get(kind="report")
    assert (job.owner, job.private) == (cast.ben, False)
    # Of two values under one name each query keeps its own.
    assert [each.get("parameters") for each in job.config["sections"][1:]] == [{"code": "UA"}, {"code": "DL"}]
    assert job.schedules.count() == 1
    assert QuestionLink.objects.get(question=question, role="produced").reference == ("job", job.key)
    assert f"/reports/{job.key}/" in ben.get(f"/requests/{question.number}/").content.decode()
    assert f"/requests/{question.number}/" in ben.get(f"/reports/{job.key}/").content.decode()


def test_a_question_that_not_everybody_sees_makes_a_private_report(ben: Client, cast: Cast) -> None:
    question = answered(cast, proof(), visibility="private")
    assert ben.get(page(question)).context["form"].common["private"].value() is True


def test_proofs_that_the_analyst_may_not_read_are_left_out(ben: Client, cast: Cast) -> None:
    question = answered(cast, proof())
    asset = Dataset.objects.get().asset
    asset.visibility, asset.team = Visibility.TEAM, cast.finn.teams.get()
    asset.save()
    response = ben.get(page(question))
    assert "1 proof is left out" in response.content.decode()
    assert SQL not in response.content.decode()


def test_only_a_published_answer_makes_a_report(ben: Client, cast: Cast) -> None:
    question = make_question(cast.ada)
    assert ben.get(page(question))["Location"] == f"/requests/{question.number}/"
    assert not Answer.objects.exists()


def test_business_staff_makes_none(client: Client, ben: Client, cast: Cast) -> None:
    question = answered(cast, proof())
    client.force_login(cast.ada)
    assert client.get(page(question)).status_code == 403
    assert page(question) not in client.get(f"/requests/{question.number}/").content.decode()
