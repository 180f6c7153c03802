"""/account/: one's own account."""

from portal.accounts.models import User


def test_it_shows_who_one_is_to_others(client, cast):
    client.force_login(cast.ben)
    page = client.get("/account/").content.decode()
    assert "ben@example.com" in page
    assert "Analyst" in page
    assert "Marketing" in page


def test_it_saves_name_language_and_time_zone(client, cast):
    client.force_login(cast.ada)
    data = {"name": "Ada Y.", "language": "ko", "time_zone": "Europe/Berlin"}
    assert client.post("/account/", data)["Location"] == "/account/"
    ada = User.objects.get(pk=cast.ada.pk)
    assert (ada.name, ada.language, ada.time_zone) == ("Ada Y.", "ko", "Europe/Berlin")
    assert 'lang="ko"' in client.get("/account/").content.decode()


def test_it_keeps_what_was_typed_when_something_is_wrong(client, cast):
    client.force_login(cast.ada)
    response = client.post("/account/", {"name": "", "language": "ko", "time_zone": "Mars/Olympus"})
    assert response.status_code == 200
    assert b'class="error"' in response.content
    assert User.objects.get(pk=cast.ada.pk).name == "Ada Yoon"
