"""/secrets/: stored, replaced and deleted by whoever defines jobs; A40, A41: the value never comes back."""

import pytest
from django.test import Client

from jobs.actions import secrets
from jobs.models import Job, Secret
from portal.audit.actions import Actor
from portal.audit.models import AuditEvent
from tests.factories.jobs import make_job

pytestmark = pytest.mark.django_db
CANARY = "canary-5b3f5e0e"


@pytest.fixture
def dan(client, cast):
    client.force_login(cast.dan)
    return client


@pytest.fixture
def stored(cast):
    return secrets.add(
        name="crm", purpose="Reads orders", value=CANARY, user=cast.dan, by=Actor.person(cast.dan)
    )


def test_a40_a41_it_is_stored_and_no_page_shows_it(dan, cast, caplog):
    caplog.set_level("DEBUG")
    typed = {"name": "crm", "purpose": "Reads orders", "value": CANARY, "hosts": "crm.example"}
    reply = dan.post("/secrets/add/", typed)
    assert (reply.status_code, reply.url) == (302, "/secrets/")
    assert Secret.objects.get().value() == CANARY
    event = AuditEvent.objects.get(action="secret.added")
    assert (event.object_label, event.data) == ("crm", {"hosts": ["crm.example"]})
    cleo = Client()
    cleo.force_login(cast.cleo)
    for page in (
        dan.get("/secrets/"),
        dan.get("/secrets/crm/replace/"),
        dan.get("/secrets/crm/delete/"),
        cleo.get("/audit/"),
    ):
        assert page.status_code == 200
        assert CANARY not in page.content.decode()
        assert "v1:" not in page.content.decode()
    assert "Reads orders" in dan.get("/secrets/").content.decode()
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "a b"}, "letters of the Latin alphabet"),
        ({"name": ""}, "required"),
        ({"value": ""}, "required"),
        ({"value": "abc"}, "at least 4"),
        ({"value": "canary\x00"}, "Null characters"),
        ({"value": "canary" * 4000}, "at most 20000"),
        ({"name": "crm"}, "replace its value instead"),
        ({"hosts": "crm.example:443"}, "“crm.example:443” is no host"),
        ({"hosts": "a b!"}, "Type it again: no page repeats it."),
        ({"hosts": "https://[bad"}, "“https://[bad” is no host"),
        ({"hosts": "crm.example, *"}, "“*” is no host"),
        ({"hosts": " ".join(f"h{number}.example" for number in range(21))}, "At most 20 hosts"),
    ],
)
def test_bad_input_is_told_at_its_field_and_the_value_is_not_repeated(dan, stored, sent, words):
    reply = dan.post("/secrets/add/", {"name": "new-one", "value": "canary-typed", "purpose": "x", **sent})
    page = reply.content.decode()
    assert reply.status_code == 422
    assert words in page
    assert "canary" not in page
    assert Secret.objects.count() == 1


def test_a_pasted_key_keeps_its_lines_and_nothing_else(dan):
    dan.post("/secrets/add/", {"name": "key", "value": "-----BEGIN\r\nab cd \r\n-----END\r\n"})
    assert Secret.objects.get().value() == "-----BEGIN\nab cd \n-----END"


def test_replacing_seals_the_new_value_on_the_record(dan, stored, cast):
    assert (
        dan.post("/secrets/crm/replace/", {"value": "another-one", "purpose": "Now this"}).status_code == 302
    )
    stored.refresh_from_db()
    assert (stored.value(), stored.purpose, stored.changed_by) == ("another-one", "Now this", cast.dan)
    assert AuditEvent.objects.filter(action="secret.replaced").count() == 1
    assert dan.post("/secrets/crm/replace/", {"value": ""}).status_code == 422
    assert Secret.objects.get().value() == "another-one"


def test_hosts_are_typed_as_people_have_them_and_shown(dan):
    typed = "CRM.example.,  https://api.example:8443/v1 crm.example;10.0.0.7"
    dan.post("/secrets/add/", {"name": "key", "value": "canary", "hosts": typed})
    assert Secret.objects.get().hosts == ["crm.example", "api.example", "10.0.0.7"]
    page = dan.get("/secrets/").content.decode()
    assert "<code>crm.example</code>, <code>api.example</code>, <code>10.0.0.7</code>" in page


def test_a41_its_hosts_change_with_its_value_only(dan, stored):
    assert "Sent to no host" in dan.get("/secrets/").content.decode()
    assert dan.post("/secrets/crm/replace/", {"value": "", "hosts": "evil.example"}).status_code == 422
    stored.refresh_from_db()
    assert (stored.hosts, stored.value()) == ([], CANARY)
    dan.post("/secrets/crm/replace/", {"value": "typed-again", "hosts": "crm.example"})
    stored.refresh_from_db()
    assert (stored.hosts, stored.value()) == (["crm.example"], "typed-again")
    assert 'value="crm.example"' in dan.get("/secrets/crm/replace/").content.decode()
    dan.post("/secrets/crm/replace/", {"value": "and-again", "hosts": "crm.example"})
    told = AuditEvent.objects.filter(action="secret.replaced").order_by("id").values_list("data", flat=True)
    assert list(told) == [{"hosts": ["crm.example"]}, {}]


def test_one_that_a_job_names_is_not_deleted(dan, stored):
    job = make_job("load-orders")
    Job.objects.filter(pk=job.pk).update(config={"headers": [{"name": "X", "secret": "crm"}]})
    assert "load-orders" in dan.get("/secrets/").content.decode()
    page = dan.get("/secrets/crm/delete/").content.decode()
    assert "change them first" in page
    assert "Delete the secret" not in page
    dan.post("/secrets/crm/delete/")
    assert Secret.objects.exists()
    Job.objects.filter(pk=job.pk).update(config={"secrets": ["other"]})
    assert dan.post("/secrets/crm/delete/").url == "/secrets/"
    assert not Secret.objects.exists()
    assert AuditEvent.objects.filter(action="secret.deleted").count() == 1


def test_of_the_jobs_only_what_names_them_is_read(dan, stored, django_assert_num_queries):
    make_job("load-orders", config={"secret": "crm"})
    dan.get("/secrets/")
    with django_assert_num_queries(4) as asked:
        assert "Load orders" in dan.get("/secrets/").content.decode()
    assert not any('"jobs_job"."parameters_schema"' in each["sql"] for each in asked.captured_queries)


def test_who_does_not_define_jobs_learns_nothing(client, cast, stored):
    client.force_login(cast.ben)
    assert client.get("/secrets/").status_code == 403
    assert client.get("/secrets/crm/replace/").status_code == 403
    assert client.get("/secrets/none/replace/").status_code == 403
    assert "/secrets/" not in client.get("/jobs/").content.decode()


def test_empty_and_linked_from_the_jobs(dan):
    assert "No secrets yet" in dan.get("/secrets/").content.decode()
    assert 'href="/secrets/"' in dan.get("/jobs/").content.decode()


def test_in_korean(dan, stored):
    page = dan.get("/secrets/", headers={"Accept-Language": "ko"}).content.decode()
    assert "비밀" in page
