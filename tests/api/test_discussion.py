import pytest
from django.test import Client

from portal.discussion.models import Comment
from tests.conftest import Cast
from tests.factories import catalog, discussion
from tests.factories.tokens import bearer

pytestmark = pytest.mark.django_db
URL = "/api/v1/discussion/dataset/flights/comments"


@pytest.fixture(autouse=True)
def _flights(cast: Cast) -> None:
    catalog.dataset("flights", owner=cast.dan)


def test_it_lists_what_the_owner_reads(client: Client, cast: Cast) -> None:
    discussion.comment(("dataset", "flights"), cast.ben, "For all")
    discussion.comment(("dataset", "flights"), cast.ben, "For us", internal=True)
    gone = discussion.comment(("dataset", "flights"), cast.ben, "Wrong")
    discussion.delete(gone, cast.ben)
    for who, bodies in (("ada", ["For all", ""]), ("eun", ["For all", "For us", ""])):
        answer = client.get(URL, headers=bearer(getattr(cast, who), "discussion:read"))
        assert [row["body"] for row in answer.json()["results"]] == bodies


def test_it_adds_one_comment_for_a_key(client: Client, cast: Cast) -> None:
    headers = {**bearer(cast.ada, "discussion:write"), "Idempotency-Key": "one"}

    def send(body: str) -> int:
        data = {"body": body, "internal": False}
        return client.post(URL, data, content_type="application/json", headers=headers).status_code

    assert [send("Complete?"), send("Complete?"), send("Other")] == [201, 200, 422]
    assert Comment.objects.get().author == cast.ada


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"body": "x"}, 400), ({"body": "x", "internal": True}, 403), ({"internal": False}, 400)],
)
def test_who_reads_it_must_be_said(client: Client, cast: Cast, sent: dict[str, object], status: int) -> None:
    headers = bearer(cast.ada, "discussion:write")
    answer = client.post(URL, sent, content_type="application/json", headers=headers)
    assert answer.status_code == status
    assert not Comment.objects.exists()
