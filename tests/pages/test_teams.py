"""/people/teams/: the teams."""

import pytest

from portal.accounts.models import Team
from portal.audit.models import AuditEvent


@pytest.fixture
def cleo(client, cast):
    client.force_login(cast.cleo)
    return cast.cleo


def test_it_lists_teams_with_their_size(client, cleo):
    page = client.get("/people/teams/")
    assert {team.key: team.size for team in page.context["teams"]} == {
        "marketing": 2,
        "finance": 1,
        "data": 4,
    }


def test_a_team_is_added_and_renamed(client, cleo):
    data = {"key": "sales", "name_en": "Sales", "name_ko": "영업", "kind": "business"}
    assert client.post("/people/teams/add/", data)["Location"] == "/people/teams/"
    data = {"key": "other", "name_en": "Field sales", "name_ko": "영업", "kind": "business"}
    client.post("/people/teams/sales/", data)
    assert Team.objects.get(key="sales").name_en == "Field sales"
    assert not Team.objects.filter(key="other").exists()
    actions = AuditEvent.objects.filter(object_kind="team").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["team.added", "team.changed"]


@pytest.mark.parametrize("key", ["data", "Two words", ""])
def test_a_key_in_use_or_strange_is_refused(client, cleo, key):
    data = {"key": key, "name_en": "X", "kind": "business"}
    assert client.post("/people/teams/add/", data).status_code == 200
    assert Team.objects.count() == 3


def test_a_team_shows_its_members(client, cleo):
    assert b"Finn Oh" in client.get("/people/teams/finance/").content


def test_a_team_reads_in_korean(client, cast, cleo):
    cleo.language = "ko"
    cleo.save()
    assert "재무" in client.get("/people/teams/").content.decode()
