"""A03, A05, A07, A08: no list, search, count or page of another object tells of what one may not see."""

import pytest

from tests.security.policy import table
from tests.security.world import KEYS, NAMES

LISTS = ["/", "/catalog/", "/jobs/", "/jobs/load-flights/", "/runs/", "/catalog/datasets/flights/lineage/"]
LISTS += [
    "/runs/day/",
    "/reports/",
    "/queues/",
    "/queries/",
    "/files/",
    "/webhooks/",
    "/inbox/",
    "/requests/",
]
API_LISTS = ["/api/v1/jobs", "/api/v1/runs", "/api/v1/alerts", "/api/v1/datasets", "/api/v1/metrics"]
API_LISTS += ["/api/v1/reports", "/api/v1/questions", "/api/v1/jobs/load-flights/backfills"]
API_LISTS += ["/api/v1/jobs/load-flights/versions"]
QUERIES = [
    "",
    "?q=secret",
    "?q=revenue",
    "?q=*",
    "?q=%25",
    "?q=close",
    "?key=close-months",
    "?job=close-months",
]
QUERIES += [
    "?team=finance",
    "?owner=finn",
    "?ids=1,2,3",
    "?all=1",
    "?ordering=-visibility",
    "?limit=200",
    "?tag=*",
]


def hidden_from(person):
    sees = table()["objects"]["job"]
    kinds = [kind for kind in ("finance", "data") if person not in sees[kind]]
    return [texts[kind] for kind in kinds for texts in (KEYS, NAMES)]


def shown(response):
    return b"".join(response).decode() if response.status_code == 200 else ""


@pytest.mark.parametrize("person", ["ada", "ben", "eun", "finn"])
def test_a03_no_page_names_what_one_may_not_see(world, person):
    client = world.client(person)
    for path in LISTS:
        for query in QUERIES:
            body = shown(client.get(path + query))
            typed = query.partition("=")[2]
            for secret in hidden_from(person):
                assert secret not in body or secret == typed, f"{path}{query} tells {person} of {secret}"


@pytest.mark.parametrize("token", ["token_read"])
def test_a03_no_list_of_the_api_names_what_its_owner_may_not_see(world, token):
    client = world.client(token)
    owner = table()["tokens"][token]["owner"]
    listed = ""
    for path in API_LISTS:
        for query in QUERIES:
            listed += shown(client.get(path + query)).replace("limit=200", "")
    for secret in hidden_from(owner):
        assert f'"{secret}"' not in listed, secret
    assert '"load-flights"' in listed, "the lists were empty: nothing was tried"
    assert f'"{NAMES["data"]}"' in listed, "a colleague's private dataset was not listed to the data team"


def test_a07_a_search_for_a_private_name_finds_nothing_and_counts_nothing(world):
    found = world.client("ada").get("/catalog/?q=revenue_secret").content.decode()
    seen = world.client("finn").get("/catalog/?q=revenue_secret").content.decode()
    assert "/catalog/datasets/revenue_secret/" in seen
    assert "/catalog/datasets/revenue_secret/" not in found
