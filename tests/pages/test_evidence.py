"""Cited evidence on the question's page: what stands in its block, for whom, and verifying it."""

from typing import Any

import pytest
import uuid_utils.compat
from django.test import Client
from django.utils import timezone

from catalog.models import Dataset
from jobs.choices import RunState
from jobs.models import Job, Run
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.evidence.actions import cite, record_result
from portal.evidence.models import Citation, Evidence, Verification
from requests_app.actions import answers
from requests_app.choices import State
from requests_app.models import DataRequest
from tests.conftest import Cast
from tests.factories.catalog import dataset, metric, refresh
from tests.factories.questions import bring, make_question

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" class="{}"></svg>'
COLUMNS = [{"name": "carrier", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}]


def evidence(rows: int = 2, kept: list[Any] | None = None, **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "sql": "SELECT carrier, count(*) AS n FROM ops.flights WHERE carrier <> $left_out GROUP BY 1",
        "parameters": {"left_out": "OO"},
        "dialect": "duckdb",
        "engine": "duckdb 1.5.5",
        "snapshot": 7,
        "tables": ["ops.flights"],
        "columns": COLUMNS,
        "rows": kept or [[f"C{number}", number] for number in range(rows)],
        "row_count": rows,
        "cut": False,
        "result_hash": "0" * 64,
        "duration_ms": 31,
        "charts": {"en": {"wide": SVG.format("drawn-wide"), "narrow": SVG.format("drawn-narrow")}},
        "run_id": uuid_utils.compat.uuid7(),
    }
    return record_result(**values | changes)


def answered(cast: Cast, asker: User | None = None, state: str = State.ANSWERED) -> DataRequest:
    question = make_question(asker or cast.ada, title="A secret title")
    return bring(question, state, lead=cast.cleo, analyst=cast.ben, reviewer=cast.eun)


@pytest.fixture
def question(cast: Cast) -> DataRequest:
    dataset("flights", table={"physical_name": "ops.flights", "snapshot": 7}, name_en="All flights")
    return answered(cast)


@pytest.fixture
def ada(client: Client, cast: Cast) -> Client:
    client.force_login(cast.ada)
    return client


def cited(question: DataRequest, cast: Cast, found: Evidence | None = None) -> Citation:
    return cite(
        evidence=found or evidence(),
        about=("answer", str(question.answer_id)),
        title="Flights by carrier",
        user=cast.ben,
        by=Actor.person(cast.ben),
    )


def url(question: DataRequest, citation: Citation, more: str = "") -> str:
    return f"/requests/{question.number}/evidence/{citation.pk}/{more}"


def block(client: Client, question: DataRequest) -> str:
    response = client.get(f"/requests/{question.number}/")
    assert response.status_code == 200
    page = response.content.decode().replace("\xa0", " ")
    return page.split('<article class="evidence"', 1)[1].split("</article>", 1)[0]


def keep(citation: Citation, verdict: str, *, by: User | None = None, **details: Any) -> Verification:
    return Verification.objects.create(
        evidence=citation.evidence,
        verdict=verdict,
        details={"recorded": "same", "reads": ["ops.flights"], **details},
        snapshot=7,
        run_id=uuid_utils.compat.uuid7(),
        by=by,
    )


def test_the_block_shows_what_came_out_and_how(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    shown = block(ada, question)
    for words in (
        "Flights by carrier",
        "as of snapshot 7",
        "duckdb 1.5.5",
        "2 rows, 31 ms",
        "drawn-wide",
        "drawn-narrow",
        '<td class="num">1</td>',
        "SELECT carrier, count(*)",
        "$left_out",
        "OO",
        'href="/catalog/datasets/flights/"',
        "Not verified yet",
        f'action="{url(question, citation, "verify/")}"',
        f'href="{url(question, citation, "csv/")}"',
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("rows", "words"), [(20, None), (21, "Show 1 more row"), (500, "Show 200 more rows")]
)
def test_many_rows_stand_behind_a_toggle(
    ada: Client, cast: Cast, question: DataRequest, rows: int, words: str | None
) -> None:
    cited(question, cast, evidence(rows))
    shown = block(ada, question)
    head = shown.split("more row", 1)[0]
    assert head.count("<tr>") == 21
    assert ("more row" in shown) == bool(words)
    assert (words or "") in shown


def test_rows_that_are_not_kept_are_told(ada: Client, cast: Cast, question: DataRequest) -> None:
    cited(question, cast, evidence(row_count=5000, cut=True))
    assert "Only the first 2 rows are kept." in block(ada, question)


def test_what_rests_on_hidden_data_shows_its_title_only(
    ada: Client, cast: Cast, question: DataRequest
) -> None:
    citation = cited(question, cast)
    keep(citation, "input_changed", rows={"columns": ["carrier"], "before": [["C1"]], "before_count": 1})
    Dataset.objects.update(physical_name="ops.other")
    shown = block(ada, question)
    assert "This rests on data that you may not see" in shown
    for words in ("SELECT", "drawn-wide", "C1", "ops.flights", "data has changed", "<form", "csv/"):
        assert words not in shown
    for more in ("", "csv/", "?part=verification"):
        assert ada.get(url(question, citation, more), headers=HTMX).status_code == 404
    assert ada.post(url(question, citation, "verify/")).status_code == 404
    assert not Run.objects.filter(job__key="verify-evidence").exists()


def test_verifying_starts_a_private_run_and_comes_back(
    ada: Client, cast: Cast, question: DataRequest
) -> None:
    citation = cited(question, cast)
    response = ada.post(url(question, citation, "verify/"))
    assert response["Location"] == f"/requests/{question.number}/#evidence-{citation.pk}"
    run = Run.objects.get(job__key="verify-evidence")
    assert (run.job.private, run.requested_by) == (True, cast.ada)
    # Whoever sees all runs may not see every question.
    assert "secret" not in str(run.params)
    assert "waiting for a worker" in block(ada, question)
    ada.post(url(question, citation, "verify/"))
    assert Run.objects.filter(job__key="verify-evidence").count() == 1


def test_the_verdict_comes_without_a_reload(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    response = ada.post(url(question, citation, "verify/"), headers=HTMX)
    assert response["Location"] == url(question, citation, "?part=verification")
    part = ada.get(response["Location"], headers=HTMX).content.decode()
    assert "<html" not in part
    assert 'hx-trigger="every 1s"' in part
    assert "disabled" in part
    Run.objects.update(state=RunState.SUCCEEDED, finished_at=timezone.now())
    keep(citation, "verified", by=cast.ben, rows={"columns": ["carrier", "n"]})
    part = ada.get(response["Location"], headers=HTMX).content.decode()
    for words in ("Same result again", "Ben Cho", "t-good"):
        assert words in part
    assert "every 1s" not in part
    assert "disabled" not in part


def test_without_script_the_part_is_the_page(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    page = f"/requests/{question.number}/#evidence-{citation.pk}"
    assert ada.get(url(question, citation))["Location"] == page
    assert ada.get(url(question, citation, "verify/")).status_code == 405


def test_changed_data_name_tables_and_rows(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    keep(
        citation,
        "input_changed",
        tables=[{"name": "ops.flights", "rows_before": 1000, "rows_after": 990}],
        rows={
            "columns": ["carrier", "n"],
            "before": [["C1", 1]],
            "after": [["C1", None], ["C9", 4]],
            "before_count": 1,
            "after_count": 70,
        },
    )
    shown = block(ada, question)
    for words in (
        "The data has changed",
        "1,000 rows, now 990",
        "1 row is gone",
        "70 rows are new",
        "The first of each are shown",
        "C9",
    ):
        assert words in shown
    page = ada.get(f"/requests/{question.number}/").content.decode()
    assert "computed again after this answer and came out otherwise" in page


def test_other_columns_are_told(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    keep(citation, "input_changed", rows={"columns": ["carrier"], "columns_after": ["carrier", "name"]})
    assert "other columns now: carrier, name" in block(ada, question)


def test_newer_data_make_a_verdict_one_of_the_past(ada: Client, cast: Cast, question: DataRequest) -> None:
    keep(cited(question, cast), "verified")
    Dataset.objects.update(snapshot=9)
    shown = block(ada, question)
    assert "Newer data has been published since. The verdict speaks of snapshot 7" in shown
    assert "t-good" not in shown


@pytest.mark.parametrize(
    ("verdict", "details", "words"),
    [
        ("not_reproducible", {"recorded": "different"}, "gives another result"),
        ("source_gone", {"newest": "gone", "words": "Table trips does not exist"}, "Table trips does not"),
        ("source_gone", {"recorded": "gone"}, "no longer keeps the data"),
        ("definition_changed", {}, "earlier definition"),
        ("verified", {"recorded": "no_history"}, "keeps no history"),
    ],
)
def test_each_other_verdict_has_its_words(
    ada: Client, cast: Cast, question: DataRequest, verdict: str, details: dict[str, Any], words: str
) -> None:
    keep(cited(question, cast), verdict, **details)
    assert words in block(ada, question)


def test_a_failed_run_is_told_in_words(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    ada.post(url(question, citation, "verify/"))
    error = {"class": "warehouse", "message": "The lake is away."}
    Run.objects.update(state=RunState.FAILED, error=error, finished_at=timezone.now())
    assert "The verification did not finish" in block(ada, question)


def test_a_job_that_is_switched_off_is_told_in_words(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    ada.post(url(question, citation, "verify/"))
    Run.objects.filter(job__key="verify-evidence").delete()
    Job.objects.update(enabled=False)
    response = ada.post(url(question, citation, "verify/"), follow=True)
    assert "Verifying is switched off" in response.content.decode()
    response = ada.post(url(question, citation, "verify/"), headers=HTMX)
    assert response["HX-Redirect"] == f"/requests/{question.number}/#evidence-{citation.pk}"


def test_the_rows_are_handed_out_as_a_file(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast, evidence(kept=[["=1+1", 2], [None, 3]]))
    response = ada.get(url(question, citation, "csv/"))
    text = b"".join(response).decode("utf-8-sig")
    assert text == "carrier,n\r\n'=1+1,2\r\n,3\r\n"
    assert (
        f'filename="question-{question.number}-evidence-{citation.pk}.csv"' in response["Content-Disposition"]
    )


def test_a_cited_metric_keeps_its_numbers_when_a_refresh_brings_others(
    client: Client, cast: Cast, question: DataRequest
) -> None:
    found = metric("on_time", points=[("2013-01-01", 0.75), ("2013-02-01", 0.8)], name_en="On-time rate")
    other = answered(cast, state=State.IN_PROGRESS)
    client.force_login(cast.ben)
    answers.save_draft_answer(question=other, body="It was 80 %.", user=cast.ben, by=Actor.person(cast.ben))
    client.post(f"/requests/{other.number}/answer/cite/", {"metric": "on_time"})
    found.points.all().delete()
    found.charts.all().delete()
    refresh(found, [("2013-02-01", 0.9)])
    page = client.get(f"/requests/{other.number}/answer/").content.decode()
    shown = page.split('<article class="evidence"', 1)[1].split("</article>", 1)[0]
    assert "2013-02-01" in shown
    assert "0.8" in shown
    assert "0.9" not in shown


def test_evidence_of_another_question_is_missing(ada: Client, cast: Cast, question: DataRequest) -> None:
    citation = cited(question, cast)
    other = answered(cast)
    for more in ("", "csv/"):
        assert ada.get(url(other, citation, more)).status_code == 404
    assert ada.post(url(other, citation, "verify/")).status_code == 404
    # Unless that question shows the same answer.
    DataRequest.objects.filter(pk=other.pk).update(answer=question.answer)
    assert ada.get(url(other, citation, "csv/")).status_code == 200


def test_a_drafts_evidence_is_for_the_data_team(client: Client, cast: Cast, question: DataRequest) -> None:
    other = answered(cast, state=State.IN_REVIEW)
    draft = other.answers.get()
    by = Actor.person(cast.ben)
    citation = cite(evidence=evidence(), about=draft.reference, title="Draft", user=cast.ben, by=by)
    client.force_login(cast.ada)
    assert client.get(url(other, citation, "csv/")).status_code == 404
    client.force_login(cast.dan)
    assert client.get(url(other, citation, "csv/")).status_code == 200
    assert client.get(url(other, citation))["Location"] == (
        f"/requests/{other.number}/answer/#evidence-{citation.pk}"
    )


def test_evidence_of_other_things_is_not_an_answers(ada: Client, cast: Cast, question: DataRequest) -> None:
    by = Actor.person(cast.ben)
    citation = cite(evidence=evidence(), about=("report", "7"), title="x", user=cast.ben, by=by)
    assert ada.get(url(question, citation)).status_code == 404
    assert ada.get(f"/requests/{question.number}/evidence/{2**63}/").status_code == 404
