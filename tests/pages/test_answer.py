from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.actions.queries import ask
from jobs.choices import RunState
from jobs.models import Run
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.evidence.actions import record_result
from portal.evidence.models import Citation, Evidence
from requests_app.actions import answers
from requests_app.choices import AnswerStatus, State
from requests_app.models import Answer, DataRequest
from tests.conftest import Cast
from tests.factories.catalog import dataset, metric
from tests.factories.questions import bring, make_question

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
POINTS = [("2013-01-01", 0.7), ("2013-02-01", 0.8)]
SQL = "SELECT carrier FROM flights.flights"


@pytest.fixture
def ben(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ben)
    return client


def worked_on(cast: Cast, state: str = State.IN_PROGRESS, **fields: Any) -> DataRequest:
    """Return a question of Ada's that Ben works on and Eun reviews."""
    question = make_question(cast.ada, **fields)
    bring(question, state, lead=cast.cleo, analyst=cast.ben, reviewer=cast.eun)
    return DataRequest.objects.get(pk=question.pk)


def drafted(cast: Cast, question: DataRequest, body: str = "It was 12 %.") -> Answer:
    by = Actor.person(cast.ben)
    return answers.save_draft_answer(question=question, body=body, user=cast.ben, by=by)


def answered(user: User) -> Run:
    """A query of this person that has come to its end, with its evidence."""
    dataset("flights", table={"physical_name": "flights.flights"})
    run = ask(sql=SQL, parameters={}, chart=None, by=Actor.person(user), requested_by=user)
    evidence = record_result(
        sql=SQL,
        parameters={},
        dialect="duckdb",
        engine="duckdb 1",
        snapshot=7,
        tables=["flights.flights"],
        columns=[{"name": "carrier", "type": "VARCHAR"}],
        rows=[["UA"]],
        row_count=1,
        cut=False,
        result_hash="0" * 64,
        duration_ms=3,
        charts={},
        run_id=run.pk,
    )
    outputs = {"evidence": str(evidence.pk), "row_count": 1, "cut": False}
    Run.objects.filter(pk=run.pk).update(
        state=RunState.SUCCEEDED, finished_at=run.created_at, outputs=outputs
    )
    return run


def url(question: DataRequest, more: str = "") -> str:
    return f"/requests/{question.number}/answer/{more}"


def test_the_asker_does_not_see_the_draft(client: Client, cast: Cast) -> None:
    question = worked_on(cast)
    drafted(cast, question, "A first guess: 11 %.")
    client.force_login(cast.ada)
    assert client.get(url(question)).status_code == 403
    assert "A first guess" not in client.get(f"/requests/{question.number}/").content.decode()


def test_a_colleague_reads_the_draft_and_writes_nothing(client: Client, cast: Cast) -> None:
    question = worked_on(cast)
    drafted(cast, question)
    client.force_login(cast.dan)
    page = client.get(url(question)).content.decode()
    assert "It was 12 %." in page
    assert "<textarea" not in page.split('id="discussion"')[0]
    assert client.post(url(question), {"do": "save", "body": "Mine."}).status_code == 403
    assert client.post(url(question, "save/"), {"body": "Mine."}).status_code == 403
    assert client.get(url(question, "query/")).status_code == 403


def test_without_a_draft_there_is_nothing_to_read(client: Client, cast: Cast) -> None:
    question = worked_on(cast)
    client.force_login(cast.dan)
    assert client.get(url(question))["Location"] == f"/requests/{question.number}/"


def test_a_draft_is_saved_by_hand_and_by_itself(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    assert ben.post(url(question), {"do": "save", "body": " "}).status_code == 422
    ben.post(url(question), {"do": "save", "body": "It was **12 %**."})
    draft = question.answers.get()
    assert draft.body == "It was **12 %**."
    sent = {"body": "It was 13 %.", "answer_version": draft.version}
    part = ben.post(url(question, "save/"), sent, headers=HTMX).content.decode()
    assert "Saved at" in part
    draft.refresh_from_db()
    assert draft.body == "It was 13 %."
    assert f'name="answer_version" value="{draft.version}"' in part
    assert 'id="proof"' not in part


def test_the_first_saving_brings_the_card_of_evidence(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    part = ben.post(url(question, "save/"), {"body": "It was 12 %."}, headers=HTMX).content.decode()
    assert 'id="proof"' in part
    assert 'hx-swap-oob="true"' in part


def test_nothing_typed_is_lost_when_somebody_else_saved(client: Client, cast: Cast) -> None:
    question = worked_on(cast, State.IN_REVIEW)
    draft = question.answers.get()
    seen = draft.version
    by = Actor.person(cast.eun)
    answers.save_draft_answer(question=question, body="Eun’s text.", user=cast.eun, by=by)
    client.force_login(cast.eun)
    sent = {"body": "My own text.", "answer_version": seen}
    part = client.post(url(question, "save/"), sent, headers=HTMX).content.decode()
    assert "Not saved: somebody else changed it" in part
    assert "Eun’s text." in part
    response = client.post(url(question), {**sent, "do": "save", "version": question.version})
    assert response.status_code == 409
    page = response.content.decode()
    assert "Eun’s text." in page
    assert "My own text." in page
    draft.refresh_from_db()
    assert draft.body == "Eun’s text."
    client.post(url(question), {**sent, "keep": draft.version})
    draft.refresh_from_db()
    assert draft.body == "My own text."


def test_a_number_without_evidence_needs_a_reason(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    response = ben.post(url(question), {"do": "publish", "body": "It was 12 %."})
    assert response.status_code == 422
    assert "Add evidence for the number" in response.content.decode()
    sent = {"do": "publish", "body": "It was 12 %.", "without_evidence": "Counted by hand."}
    ben.post(url(question), sent)
    question.refresh_from_db()
    assert question.state == State.ANSWERED
    assert question.events.get(kind="publish_answer").data["without_evidence"] == "Counted by hand."


def test_a_metrics_shown_value_is_cited_and_publishes(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    draft = drafted(cast, question)
    metric("on_time", points=POINTS, name_en="On-time rate")
    assert "On-time rate" in ben.get(url(question, "cite/?metric=on+time")).content.decode()
    assert ben.post(url(question, "cite/"), {"metric": "nothing"}).status_code == 404
    part = ben.post(url(question, "cite/"), {"metric": "on_time"}, headers=HTMX).content.decode()
    assert "On-time rate, February 2013" in part
    assert "<html" not in part
    ben.post(url(question), {"do": "publish", "body": draft.body, "answer_version": draft.version})
    question.refresh_from_db()
    assert question.state == State.ANSWERED
    assert "On-time rate, February 2013" in ben.get(f"/requests/{question.number}/").content.decode()


def test_evidence_is_put_in_order_and_removed(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    draft = drafted(cast, question)
    for key in ("one", "two"):
        metric(key, points=POINTS, name_en=key.title())
        ben.post(url(question, "cite/"), {"metric": key})
    first, second = Citation.objects.about(*draft.reference)
    ben.post(url(question, f"evidence/{second.pk}/"), {"do": "up"})
    assert list(Citation.objects.about(*draft.reference)) == [second, first]
    ben.post(url(question, f"evidence/{second.pk}/"), {"do": "remove"})
    assert list(Citation.objects.about(*draft.reference)) == [first]
    other = worked_on(cast)
    drafted(cast, other)
    assert ben.post(url(other, f"evidence/{first.pk}/"), {"do": "remove"}).status_code == 404


def test_a_query_is_run_looked_at_and_used(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    assert ben.get(url(question, "query/"))["Location"] == url(question)
    draft = drafted(cast, question)
    dataset("flights", table={"physical_name": "flights.flights"})
    response = ben.post(url(question, "query/"), {"sql": SQL})
    run = Run.objects.latest("number")
    assert response["Location"] == url(question, f"query/?run={run.number}")
    page = ben.get(response["Location"]).content.decode()
    assert SQL in page
    assert f'hx-get="/queries/{run.number}/?part=result"' in page
    sent = {"use": "1", "run": run.number, "title": "Carriers"}
    assert (
        "no result that could be cited"
        in ben.post(url(question, "query/"), sent, follow=True).content.decode()
    )
    assert not Citation.objects.about(*draft.reference).exists()


def test_a_result_becomes_evidence_under_a_title(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    draft = drafted(cast, question)
    run = answered(cast.ben)
    sent = {"use": "1", "run": run.number}
    assert "what the result shows" in ben.post(url(question, "query/"), sent, follow=True).content.decode()
    response = ben.post(url(question, "query/"), {**sent, "title": "Carriers that fly"})
    assert response["Location"] == url(question) + "#proof"
    assert Citation.objects.about(*draft.reference).get().title == "Carriers that fly"
    page = ben.get(url(question)).content.decode()
    assert "Carriers that fly" in page
    assert "<td>UA</td>" in page


def test_refused_sql_says_where(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    drafted(cast, question)
    response = ben.post(url(question, "query/"), {"sql": "SELECT * FROM nowhere"})
    assert response.status_code == 422
    assert "SELECT * FROM nowhere" in response.content.decode()


def test_somebody_elses_query_is_missing(client: Client, cast: Cast) -> None:
    question = worked_on(cast)
    drafted(cast, question)
    run = answered(cast.eun)
    client.force_login(cast.ben)
    assert client.get(url(question, f"query/?run={run.number}")).status_code == 404
    sent = {"use": "1", "run": run.number, "title": "Theirs"}
    assert client.post(url(question, "query/"), sent).status_code == 404


def test_evidence_over_data_one_may_not_see_is_only_named(client: Client, cast: Cast) -> None:
    question = worked_on(cast)
    draft = drafted(cast, question)
    client.force_login(cast.ben)
    run = answered(cast.ben)
    client.post(url(question, "query/"), {"use": "1", "run": run.number, "title": "Carriers that fly"})
    client.post(url(question), {"do": "publish", "body": draft.body, "answer_version": draft.version})
    client.force_login(cast.ada)
    assert "flights.flights" in client.get(f"/requests/{question.number}/").content.decode()
    Evidence.objects.update(tables=["payroll.salaries"])
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "Carriers that fly" in page
    assert "This rests on data that you may not see" in page
    assert "flights.flights" not in page


def test_review_needs_a_reviewer_who_then_publishes(client: Client, cast: Cast) -> None:
    question = worked_on(cast, title="Why do evening flights slip?")
    client.force_login(cast.ben)
    sent = {"do": "submit", "body": "They come late."}
    assert client.post(url(question), sent).status_code == 422
    client.post(url(question), {**sent, "reviewer": cast.eun.pk})
    question.refresh_from_db()
    assert (question.state, question.reviewer) == (State.IN_REVIEW, cast.eun)
    client.force_login(cast.eun)
    page = client.get(url(question)).content.decode()
    assert "Your review" in page
    assert "Send back" in page
    draft = question.answers.get()
    sent = {"do": "publish", "body": draft.body, "without_evidence": "Words."}
    client.post(url(question), {**sent, "answer_version": draft.version})
    draft.refresh_from_db()
    assert (draft.status, draft.reviewer) == (AnswerStatus.VERIFIED, cast.eun)


def test_the_reviewer_sends_it_back_with_words(client: Client, cast: Cast) -> None:
    question = worked_on(cast, State.IN_REVIEW)
    client.force_login(cast.eun)
    path = f"/requests/{question.number}/send_back/"
    assert client.post(path).status_code == 422
    client.post(path, {"note": "Which months?"})
    question.refresh_from_db()
    assert question.state == State.IN_PROGRESS
    client.force_login(cast.ada)
    assert "Which months?" not in client.get(f"/requests/{question.number}/").content.decode()


def test_an_investigation_is_not_published_unread(ben: Client, cast: Cast) -> None:
    question = worked_on(cast)
    DataRequest.objects.filter(pk=question.pk).update(kind="investigation")
    page = ben.get(url(question)).content.decode()
    assert 'value="publish"' not in page
    assert "read by a second person" in page
    response = ben.post(url(question), {"do": "publish", "body": "So it is."})
    assert response.status_code == 409
    assert "So it is." in response.content.decode()
    question.refresh_from_db()
    assert question.state == State.IN_PROGRESS


def test_an_answer_out_of_date_warns(client: Client, cast: Cast) -> None:
    question = worked_on(cast, State.ANSWERED)
    by = Actor.person(cast.eun)
    assert question.answer is not None
    answers.mark_stale(answer=question.answer, reason="The definition changed.", user=cast.eun, by=by)
    client.force_login(cast.ada)
    page = client.get(f"/requests/{question.number}/").content.decode()
    assert "This answer is out of date" in page
    assert "The definition changed." in page


def test_the_number_of_queries_does_not_grow(
    ben: Client, cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    question = worked_on(cast)
    drafted(cast, question)
    for key in ("one", "two", "three"):
        metric(key, points=POINTS)
        ben.post(url(question, "cite/"), {"metric": key})
    ben.get(url(question))
    with django_assert_max_num_queries(36):
        ben.get(url(question))
