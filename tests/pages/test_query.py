import csv
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.actions.queries import MOST_OPEN, ask
from jobs.choices import RunState
from jobs.exceptions import TooManyQueries
from jobs.models import Run
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.evidence.actions import record_result
from tests.conftest import Cast
from tests.factories.catalog import dataset
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
SQL = "SELECT carrier FROM flights.flights"


@pytest.fixture
def table(cast: Cast) -> str:
    return str(dataset("flights", table={"physical_name": "flights.flights"}).physical_name)


@pytest.fixture
def ben(client: Client, cast: Cast, table: str) -> Client:
    client.force_login(cast.ben)
    return client


def asked(user: User, sql: str = SQL, **parameters: object) -> Run:
    return ask(sql=sql, parameters=parameters, chart=None, by=Actor.person(user), requested_by=user)


def ended(run: Run, state: RunState, **fields: object) -> Run:
    Run.objects.filter(pk=run.pk).update(state=state, finished_at=run.created_at, **fields)
    run.refresh_from_db()
    return run


def answered(run: Run, rows: list[list[object]], *, count: int | None = None) -> Run:
    evidence = record_result(
        sql=SQL,
        parameters={},
        dialect="duckdb",
        engine="duckdb 1",
        snapshot=7,
        tables=["flights.flights"],
        columns=[{"name": "carrier", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}],
        rows=rows,
        row_count=count or len(rows),
        cut=count is not None,
        result_hash="0" * 64,
        duration_ms=3,
        charts={},
        run_id=run.pk,
    )
    outputs = {"evidence": str(evidence.pk), "row_count": count or len(rows), "cut": count is not None}
    return ended(run, RunState.SUCCEEDED, outputs=outputs)


def test_it_is_for_who_may_run_sql(client: Client, cast: Cast) -> None:
    client.force_login(cast.ada)
    assert client.get("/queries/").status_code == 403
    assert client.post("/queries/", {"sql": "SELECT 1"}).status_code == 403
    assert Run.objects.count() == 0


def test_a_table_s_button_writes_the_first_query(ben: Client) -> None:
    assert "/queries/?table=flights.flights" in ben.get("/catalog/datasets/flights/").content.decode()
    page = ben.get("/queries/?table=flights.flights").content.decode()
    assert "SELECT *\nFROM flights.flights\nLIMIT 100" in page
    assert "FROM hidden" not in ben.get("/queries/?table=hidden").content.decode()


def test_the_first_query_leaves_out_what_is_masked(ben: Client, cast: Cast) -> None:
    columns = ("seats", {"name": "tailnum", "personal": True})
    dataset("planes", columns=columns, table={"physical_name": "flights.planes"})
    page = ben.get("/queries/?table=flights.planes").content.decode()
    assert "SELECT * EXCLUDE (tailnum)\nFROM flights.planes" in page
    assert ben.post("/queries/", {"sql": "SELECT * EXCLUDE (tailnum) FROM flights.planes"}).status_code == 302


def test_what_is_written_is_queued_and_its_page_asks_for_itself(ben: Client, cast: Cast) -> None:
    response = ben.post("/queries/", {"sql": SQL})
    run = Run.objects.get()
    assert response["Location"] == f"/queries/{run.number}/"
    assert (run.requested_by, run.job.key, run.pool.key) == (cast.ben, "query", "queries")
    page = ben.get(f"/queries/{run.number}/").content.decode()
    # The answer asks for itself, and so does its line in the list.
    polled = {part: f'hx-get="/queries/{run.number}/?part={part}"' for part in ("result", "state")}
    assert [page.count(address) for address in polled.values()] == [1, 1]
    ended(run, RunState.CANCELLED)
    for part, address in polled.items():
        shown = ben.get(f"/queries/{run.number}/?part={part}", headers=HTMX).content.decode()
        assert "cancelled" in shown.casefold()
        assert address not in shown


def test_what_is_refused_is_marked_and_nothing_is_stored(ben: Client) -> None:
    response = ben.post("/queries/", {"sql": "SELECT 1\nFROM secret.people"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "secret.people" in page
    assert "FROM secret.people</textarea>" in page
    assert Run.objects.count() == 0


def test_parameters_are_asked_for_and_bound(ben: Client) -> None:
    sql = "SELECT carrier FROM flights.flights WHERE dep_delay > $delay -- $no"
    page = ben.post("/queries/", {"sql": sql}).content.decode()
    assert 'name="p.delay"' in page
    assert 'name="p.no"' not in page
    assert Run.objects.count() == 0
    wrong = ben.post("/queries/", {"sql": sql, "t.delay": "integer", "p.delay": "many"})
    assert wrong.status_code == 422
    ben.post("/queries/", {"sql": sql, "t.delay": "integer", "p.delay": "15"})
    assert Run.objects.get().params["parameters"] == {"delay": 15}


def test_too_many_open_queries_wait_for_their_asker(ben: Client, cast: Cast) -> None:
    for _ in range(MOST_OPEN):
        asked(cast.ben)
    assert ben.post("/queries/", {"sql": SQL}).status_code == 422
    assert Run.objects.count() == MOST_OPEN


def test_the_answer_is_a_table_with_nulls_and_numbers(ben: Client, cast: Cast) -> None:
    run = answered(asked(cast.ben), [["AA", 12], [None, None]], count=3400)
    page = ben.get(f"/queries/{run.number}/?part=result", headers=HTMX).content.decode()
    assert "the first 2 of 3,400 rows" in page
    assert '<td class="num">12</td>' in page
    assert page.count("NULL") == 2
    assert f'name="evidence" value="{run.outputs["evidence"]}"' in page
    assert "hx-trigger" not in page


def test_an_error_marks_its_line(ben: Client, cast: Cast) -> None:
    error = {"class": "bad_input", "message": "no such column", "place": {"line": 1, "column": 8}}
    run = ended(asked(cast.ben), RunState.FAILED, error=error)
    page = ben.get(f"/queries/{run.number}/").content.decode()
    assert "Line 1, column 8" in page
    assert "no such column" in page
    assert 'aria-current="true"' in page


def test_the_statement_as_it_ran_is_shown_where_it_is_another(ben: Client, cast: Cast) -> None:
    error = {"class": "bad_input", "message": "no such value", "place": {"line": 2, "column": 3}}
    written = "SELECT * FROM flights.flights -- all of it"
    run = ended(asked(cast.ben, written), RunState.FAILED, error=error)
    page = ben.get(f"/queries/{run.number}/").content.decode()
    assert "The statement as it ran" in page
    assert page.count('class="bad" aria-current="true"') == 1
    same = answered(asked(cast.ben, "SELECT\n  carrier\nFROM flights.flights;"), [["AA", 1]])
    assert "The statement as it ran" not in ben.get(f"/queries/{same.number}/").content.decode()


def test_a39_a_downloaded_cell_is_no_formula(ben: Client, cast: Cast) -> None:
    run = answered(asked(cast.ben), [["=1+1", -5], ["@x", None]])
    response = ben.get(f"/queries/{run.number}/result.csv")
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert list(csv.reader(io.StringIO(text))) == [["carrier", "n"], ["'=1+1", "-5"], ["'@x", ""]]


def test_another_s_query_does_not_exist_on_any_page(client: Client, cast: Cast, table: str) -> None:
    run = answered(asked(cast.ben), [["AA", 1]])
    # Dan sees every job; what Ben asked is his all the same.
    client.force_login(cast.dan)
    for path in (f"/queries/{run.number}/", f"/queries/{run.number}/result.csv", f"/runs/{run.number}/"):
        assert client.get(path).status_code == 404
    assert client.get(f"/runs/{run.number}/log/").status_code == 404
    assert client.post(f"/queries/{run.number}/cancel/").status_code == 404
    assert SQL not in client.get("/queries/").content.decode()


def test_cancelling_stops_a_waiting_query(ben: Client, cast: Cast) -> None:
    run = asked(cast.ben)
    part = ben.post(f"/queries/{run.number}/cancel/", headers=HTMX, follow=True).content.decode()
    assert "cancelled" in part
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED


def test_its_page_asks_the_database_a_fixed_number_of_times(
    ben: Client, cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        run = answered(asked(cast.ben), [["AA", 1]])
    # The first visit begins a session.
    ben.get("/queries/")
    with django_assert_max_num_queries(11):
        ben.get(f"/queries/{run.number}/")
    with django_assert_max_num_queries(5):
        ben.get(f"/queries/{run.number}/?part=result", headers=HTMX)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused_at_its_field(ben: Client, text: str) -> None:
    sql = "SELECT carrier FROM flights.flights WHERE dep_delay > $delay"
    answer = ben.post("/queries/", {"sql": sql, "t.delay": "number", "p.delay": text})
    assert answer.status_code == 422
    assert "This is not what its type says." in answer.content.decode()
    assert Run.objects.count() == 0


def test_only_the_asker_meets_a_query_at_its_job(client: Client, cast: Cast, table: str) -> None:
    own, other = asked(cast.dan), ended(asked(cast.ben), RunState.FAILED)
    client.force_login(cast.dan)
    page = client.get("/jobs/query/").content.decode()
    assert f'href="/runs/{own.number}/"' in page
    for address in ("/jobs/query/", "/jobs/", f"/runs/{own.number}/", "/"):
        assert f'href="/runs/{other.number}/"' not in client.get(address).content.decode()
    headers = bearer(cast.cleo, "jobs:read")
    assert client.get("/api/v1/jobs/query", headers=headers).json()["last_run"] is None
    mine = client.get("/api/v1/jobs/query", headers=bearer(cast.dan, "jobs:read")).json()
    assert mine["last_run"]["number"] == own.number


def test_nothing_goes_past_the_limit_of_open_queries(client: Client, cast: Cast, table: str) -> None:
    run = ended(asked(cast.dan), RunState.CANCELLED)
    client.force_login(cast.dan)
    page = client.get(f"/runs/{run.number}/").content.decode()
    assert f"/runs/{run.number}/again/" not in page
    assert f'href="/queries/{run.number}/"' in page
    assert client.post(f"/runs/{run.number}/again/", {"once": "1"}).status_code == 403
    assert client.post("/jobs/query/run/", {"once": "1", "param-sql": SQL}).status_code == 403
    sent = {"params": {"sql": SQL}}
    headers = bearer(cast.dan, "jobs:run")
    answer = client.post("/api/v1/jobs/query/runs", sent, content_type="application/json", headers=headers)
    assert answer.status_code == 403
    assert "Run now: Ask the lake" not in client.get("/jobs/").content.decode()
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_that_come_at_once_count_each_other(cast: Cast, table: str) -> None:
    for _ in range(MOST_OPEN - 1):
        asked(cast.ben)

    def second() -> None:
        try:
            asked(cast.ben)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            asked(cast.ben)
            rival = pool.submit(second)
            with pytest.raises(TimeoutError):
                rival.result(timeout=2)
        with pytest.raises(TooManyQueries):
            rival.result(timeout=20)
    assert Run.objects.count() == MOST_OPEN
