"""/account/tokens/: one's own API tokens."""

from portal.accounts.actions import tokens
from portal.accounts.models import ApiToken
from portal.audit.actions import Actor
from tests.factories.jobs import make_job


def issue(owner, name="ci"):
    by = Actor.person(owner)
    return tokens.create(owner=owner, name=name, scopes=["jobs:read"], days=7, by=by).token


def test_an_empty_list_says_what_to_do(client, cast):
    client.force_login(cast.dan)
    page = client.get("/account/tokens/").content
    assert b"No tokens yet" in page
    assert b'href="/account/tokens/add/"' in page


def test_it_lists_own_tokens_only(client, cast):
    issue(cast.dan, "nightly load")
    issue(cast.eun, "secret experiment")
    client.force_login(cast.dan)
    page = client.get("/account/tokens/").content
    assert b"nightly load" in page
    assert b"secret experiment" not in page


def test_a_token_may_be_made_for_one_job(client, cast):
    make_job("load-flights")
    make_job("load-weather")
    client.force_login(cast.dan)
    data = {"name": "airflow", "jobs": "load-flights, load-weather", "days": "30"}
    response = client.post("/account/tokens/add/", data)
    assert b'<code id="secret" class="cut">ddesk_' in response.content
    assert b'data-copy="#secret"' in response.content
    assert ApiToken.objects.get().scopes == ["jobs:run:load-flights", "jobs:run:load-weather"]


def test_the_form_names_the_scopes_as_the_documents_do(client, cast):
    client.force_login(cast.dan)
    page = client.get("/account/tokens/add/").content.decode()
    assert "Run any job that you may run, follow its runs and cancel them <code>jobs:run</code>" in page


def test_a_token_that_may_do_nothing_is_refused(client, cast):
    client.force_login(cast.dan)
    assert client.post("/account/tokens/add/", {"name": "x", "days": "30"}).status_code == 200
    assert not ApiToken.objects.exists()


def test_a_strange_job_key_is_named(client, cast):
    client.force_login(cast.dan)
    response = client.post("/account/tokens/add/", {"name": "x", "jobs": "a b/c", "days": "30"})
    assert "b/c" in response.content.decode()
    assert not ApiToken.objects.exists()


def test_a_job_that_is_not_there_or_not_to_be_seen_is_named(client, cast):
    make_job("load-flights")
    make_job("hidden", private=True, owner=cast.dan)
    client.force_login(cast.ben)
    data = {"name": "x", "jobs": "load-flights, hidden, gone", "days": "30"}
    assert "There is no job hidden, gone." in client.post("/account/tokens/add/", data).content.decode()
    assert not ApiToken.objects.exists()


def test_revoking_asks_first_then_revokes(client, cast):
    token = issue(cast.dan)
    client.force_login(cast.dan)
    assert b"<form" in client.get(f"/account/tokens/{token.pk}/revoke/").content
    assert ApiToken.objects.usable().exists()
    assert client.post(f"/account/tokens/{token.pk}/revoke/")["Location"] == "/account/tokens/"
    assert not ApiToken.objects.usable().exists()


def test_an_administrator_revokes_anybodys_and_goes_back_to_them(client, cast):
    token = issue(cast.dan)
    client.force_login(cast.cleo)
    assert client.post(f"/account/tokens/{token.pk}/revoke/")["Location"] == f"/people/{cast.dan.pk}/"


def test_a_strangers_token_is_not_there(client, cast):
    token = issue(cast.dan)
    client.force_login(cast.eun)
    assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert client.post("/account/tokens/99999999999999999999/revoke/").status_code == 404
    assert ApiToken.objects.usable().exists()
