"""An edition on its way: with its PDF or its link, by the rights at that moment, and what became of it."""

from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.test import Client
from django.utils import timezone

from catalog.choices import Visibility
from catalog.models import Dataset
from jobs.choices import REPORT_READY
from jobs.models import Run
from jobs.runners.report.recording import record_edition
from portal.accounts.models import User
from portal.audit.actions import Actor
from portal.notifications import relay
from portal.notifications.actions import notify
from portal.notifications.models import Notification, Outbox
from tests.conftest import Cast
from tests.factories import catalog
from tests.factories.jobs import make_artifact, make_edition

pytestmark = pytest.mark.django_db
TABLE = "lake.operations.flights"


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Any) -> None:
    settings.VAR = tmp_path


@pytest.fixture
def edition(cast: Cast) -> Run:
    catalog.dataset("flights")
    run = make_edition("flights", tables=[TABLE], rows=[("January", 27004)], owner=cast.ben)[0]
    run.job.config["attach"] = True
    run.job.save()
    make_artifact(run, b"%PDF-en", name="flights-2026-11-25-en.pdf")
    make_artifact(run, b"%PDF-ko", name="flights-2026-11-25-ko.pdf")
    return run


def send(run: Run, *people: User) -> list[Any]:
    with transaction.atomic():
        notify(to=people, kind=REPORT_READY, about=("report", str(run.pk)), by=Actor.system("x"), once="1")
    Outbox.objects.update(available_at=timezone.now())
    relay.deliver()
    return list(mail.outbox)


def hide(cast: Cast) -> None:
    asset = Dataset.objects.get(physical_name=TABLE).asset
    asset.visibility, asset.team = Visibility.TEAM, cast.finn.teams.get()
    asset.save()


def test_the_pdf_goes_along_in_the_readers_language(cast: Cast, edition: Run) -> None:
    cast.ada.language = "ko"
    cast.ada.save()
    (sent,) = send(edition, cast.ada)
    ((name, body, _type),) = sent.attachments
    assert (name, body) == ("flights-2026-11-25-ko.pdf", "%PDF-ko")
    assert f"/reports/flights/{edition.number}/" in sent.body


def test_without_the_wish_there_is_only_the_link(cast: Cast, edition: Run) -> None:
    edition.job.config["attach"] = False
    edition.job.save()
    (sent,) = send(edition, cast.ada)
    assert sent.attachments == []


def test_a_pdf_that_is_too_large_stays_behind_its_link(cast: Cast, edition: Run, settings: Any) -> None:
    settings.MAIL_FILES_MB = 0
    (sent,) = send(edition, cast.ada)
    assert sent.attachments == []
    assert "too large for a mail" in sent.body
    assert "too large for a mail" in sent.alternatives[0][0]


def test_rights_on_the_rows_are_asked_when_it_is_sent(cast: Cast, edition: Run) -> None:
    hide(cast)
    (sent,) = send(edition, cast.ada)
    assert sent.attachments == []
    assert "it holds rows that you may not see" in sent.body


def test_who_may_not_see_the_report_any_more_gets_nothing(cast: Cast, edition: Run) -> None:
    edition.job.private = True
    edition.job.save()
    assert send(edition, cast.ada) == []
    assert Outbox.objects.get().reason == "not_visible"


def test_a_file_that_is_gone_is_said_to_be_gone(cast: Cast, edition: Run) -> None:
    edition.artifacts.all().delete()
    (sent,) = send(edition, cast.ada)
    assert "not kept any more" in sent.body


def test_an_edition_that_lacks_a_section_is_sent_and_says_so(cast: Cast, edition: Run) -> None:
    broken = make_edition(edition.job, tables=[TABLE], rows=[("x", 1)], failed=True)[0]
    (sent,) = send(broken, cast.ada)
    assert sent.subject == "A new edition is there: Flights (incomplete)"


def test_other_news_of_an_edition_carries_no_file(cast: Cast, edition: Run) -> None:
    with transaction.atomic():
        about = ("report", str(edition.pk))
        notify(to=[cast.ada], kind="evidence.verification_failed", about=about, by=Actor.system("x"))
    Outbox.objects.update(available_at=timezone.now())
    relay.deliver()
    assert [each.attachments for each in mail.outbox] == [[]]


def test_its_page_shows_each_delivery_to_those_who_answer_for_it(
    client: Client, cast: Cast, edition: Run
) -> None:
    edition.job.editors.add(cast.ben)
    send(edition, cast.ada, cast.finn)
    Outbox.objects.filter(notification__recipient=cast.finn).update(state="failed", reason="TimeoutError")
    client.force_login(cast.ben)
    page = client.get("/reports/flights/").content.decode()
    assert "Deliveries" in page
    assert "The mail server took too long" in page
    assert "Not read yet" in page
    client.force_login(cast.ada)
    assert "Deliveries" not in client.get("/reports/flights/").content.decode()


def test_who_was_not_told_is_named_to_those_who_may_edit_it(client: Client, cast: Cast, edition: Run) -> None:
    edition.job.editors.add(cast.ben)
    edition.job.config |= {"people": [cast.ada.email, "nobody@example.com"], "teams": ["data"]}
    edition.job.save()
    edition.outputs |= {"untold": 1}
    edition.save()
    send(edition, cast.ada)
    client.force_login(cast.ben)
    page = client.get("/reports/flights/").content.decode()
    assert "nobody@example.com" in page
    assert f"{cast.ben.name} ({cast.ben.email})" in page
    assert cast.ada.email not in page


def test_an_edition_is_told_once_and_counts_who_was_not(cast: Cast, edition: Run) -> None:
    job = edition.job
    job.private = True
    job.config |= {"people": [cast.ada.email, cast.ben.email, "nobody@example.com"]}
    job.save()
    text = {"kind": "text", "name": "text:", "title_en": "", "title_ko": "", "text_en": "x", "text_ko": ""}
    for _ in range(2):
        with transaction.atomic():
            kept = record_edition(run=edition, outputs={"sections": [dict(text)], "files": []})
        # Ada may not see it, and nobody has the other address.
        assert kept["untold"] == 2
    assert [each.recipient for each in Notification.objects.filter(kind=REPORT_READY)] == [cast.ben]
    assert Outbox.objects.count() == 1
