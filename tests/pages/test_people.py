"""/people/: who is here and what they may do."""

import pytest
from django.conf import settings

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent


@pytest.fixture
def cleo(client, cast):
    client.force_login(cast.cleo)
    return cast.cleo


def test_it_lists_everybody_by_name(client, cleo):
    page = client.get("/people/").content.decode()
    assert page.index("Ada Yoon") < page.index("Ben Cho") < page.index("Finn Oh")


@pytest.mark.parametrize("words", ["finn", "FINN@", "oh"])
def test_it_finds_by_name_and_e_mail(client, cleo, words):
    page = client.get("/people/", {"q": words}).content.decode()
    assert "finn@example.com" in page
    assert "ada@example.com" not in page


def test_nobody_found_says_what_to_do(client, cleo):
    assert b"Nobody found" in client.get("/people/", {"q": "zzz\x00'%_"}).content


def test_a_page_goes_on_where_the_last_ended(client, cleo):
    User.objects.bulk_create(User(email=f"p{n}@example.com", name=f"Person {n // 3:03}") for n in range(120))
    seen, path = [], "/people/"
    while path:
        page = client.get(path)
        seen += [person.pk for person in page.context["people"]]
        path = f"/people/?after={page.context['more']}" if page.context["more"] else ""
    assert len(seen) == len(set(seen)) == 126


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "²", "999999"])
def test_a_strange_place_in_the_list_is_no_error(client, cleo, after):
    assert client.get("/people/", {"after": after}).status_code == 200


def test_it_takes_the_same_queries_for_many_people(client, cleo, django_assert_max_num_queries):
    User.objects.bulk_create(User(email=f"p{n}@example.com", name=f"P {n}") for n in range(40))
    client.get("/people/")
    with django_assert_max_num_queries(4):
        client.get("/people/")


def test_adding_somebody_hands_out_a_link_that_sets_their_password(client, cast, cleo):
    team = cast.finn.teams.get()
    data = {"name": "Gil Ha", "email": "Gil@Example.com", "roles": ["analyst"], "teams": [team.pk]}
    page = client.post("/people/add/", data).content.decode()
    gil = User.objects.get(email="gil@example.com")
    assert (gil.name, gil.roles, gil.has_usable_password()) == ("Gil Ha", ["analyst"], False)
    link = page.partition('id="secret" class="cut">')[2].partition("<")[0].removeprefix(settings.PUBLIC_URL)
    client.logout()
    form = client.get(link)["Location"]
    new = "seven brave otters swim"
    client.post(form, {"password1": new, "password2": new})
    gil.refresh_from_db()
    assert gil.check_password(new)


def test_a_team_is_offered_by_its_name_in_the_readers_language(client, cleo):
    page = client.get("/people/add/", headers={"Accept-Language": "ko"}).content.decode()
    assert "마케팅" in page
    assert "Marketing" not in page


def test_an_e_mail_in_use_is_refused(client, cleo):
    response = client.post("/people/add/", {"name": "Other", "email": "ADA@example.com"})
    assert b"here already" in response.content
    assert User.objects.count() == 6


def test_changing_roles_and_teams_leaves_a_trace_of_both_states(client, cast, cleo):
    data = {"name": "Finn Oh", "roles": ["analyst"], "teams": [cast.dan.teams.get().pk]}
    assert client.post(f"/people/{cast.finn.pk}/", data).status_code == 302
    event = AuditEvent.objects.get(action="person.changed")
    assert (event.actor_label, event.object_label) == ("Cleo Han", "Finn Oh")
    assert event.data == {"roles": [["business"], ["analyst"]], "teams": [["finance"], ["data"]]}


def test_saving_without_a_change_leaves_no_trace(client, cast, cleo):
    data = {"name": "Finn Oh", "roles": ["business"], "teams": [cast.finn.teams.get().pk]}
    client.post(f"/people/{cast.finn.pk}/", data)
    assert not AuditEvent.objects.filter(action="person.changed").exists()


def test_the_last_administrator_stays(client, cleo):
    response = client.post(f"/people/{cleo.pk}/", {"name": "Cleo Han", "roles": ["lead"]})
    assert b"must stay administrator" in response.content
    assert Role.ADMINISTRATOR in User.objects.get(pk=cleo.pk).roles


def test_nobody_deactivates_themselves(client, cast, cleo):
    cast.dan.roles = [Role.ADMINISTRATOR]
    cast.dan.save()
    client.post(f"/people/{cleo.pk}/deactivate/")
    assert User.objects.get(pk=cleo.pk).is_active


def test_somebody_is_put_out_and_let_in_again(client, cast, cleo):
    assert client.post(f"/people/{cast.finn.pk}/deactivate/")["Location"] == f"/people/{cast.finn.pk}/"
    assert not User.objects.get(pk=cast.finn.pk).is_active
    assert b"Deactivated" in client.get(f"/people/{cast.finn.pk}/").content
    client.post(f"/people/{cast.finn.pk}/activate/")
    assert User.objects.get(pk=cast.finn.pk).is_active


@pytest.mark.parametrize("path", ["deactivate", "activate", "password-link"])
def test_actions_reject_get(client, cast, cleo, path):
    assert client.get(f"/people/{cast.finn.pk}/{path}/").status_code == 405


def test_a_name_with_markup_is_shown_as_text(client, cast, cleo):
    User.objects.filter(pk=cast.finn.pk).update(name="<script>alert(1)</script>")
    for path in ("/people/", f"/people/{cast.finn.pk}/"):
        assert b"<script>alert" not in client.get(path).content
