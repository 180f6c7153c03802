import os
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.discussion.files import ATTACHMENTS
from portal.discussion.mentions import named_in
from portal.discussion.models import Attachment, Comment
from portal.discussion.tidying import empty_comments, remove_litter, remove_orphans
from tests.conftest import Cast
from tests.factories import catalog, discussion

pytestmark = pytest.mark.django_db
OLD = timedelta(days=2)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path) -> None:
    settings.VAR = tmp_path


def on_disk(tmp_path) -> set[str]:
    return {path.name for path in tmp_path.rglob("*") if path.is_file()}


def test_words_and_files_of_a_deleted_comment_go_after_a_day(
    cast: Cast, tmp_path, django_capture_on_commit_callbacks
) -> None:
    catalog.dataset("flights")
    said = discussion.comment(("dataset", "flights"), cast.ada)
    discussion.attachment(cast.ada, comment=said)
    discussion.delete(said, cast.ada)
    assert (empty_comments(), remove_orphans()) == (0, 0)
    Comment.objects.update(deleted_at=timezone.now() - OLD)
    with django_capture_on_commit_callbacks(execute=True):
        assert (empty_comments(), remove_orphans()) == (1, 1)
    assert Comment.objects.get().body == ""
    assert on_disk(tmp_path) == set()


def test_an_upload_that_nobody_took_goes_after_a_day(
    cast: Cast, tmp_path, django_capture_on_commit_callbacks
) -> None:
    kept, fresh = discussion.attachment(cast.ada), discussion.attachment(cast.ada)
    Attachment.objects.filter(pk=kept.pk).update(created_at=timezone.now() - OLD)
    with django_capture_on_commit_callbacks(execute=True):
        assert remove_orphans() == 1
    assert on_disk(tmp_path) == {fresh.stored}


def test_a_file_without_a_row_is_litter(cast: Cast, tmp_path) -> None:
    kept = discussion.attachment(cast.ada)
    litter, fresh = ATTACHMENTS.write([b"x"], most=9).name, ATTACHMENTS.write([b"x"], most=9).name
    long_ago = time.time() - 7200
    for name in (kept.stored, litter):
        os.utime(tmp_path / "attachments" / name[:2] / name, (long_ago, long_ago))
    assert remove_litter() == 1
    assert on_disk(tmp_path) == {kept.stored, fresh}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("@Ben Cho, look", ["@Ben Cho"]),
        ("@ben look", ["@ben"]),
        ("@BEN CHO에게", ["@BEN CHO"]),
        ("@Ben Chosen", ["@Ben"]),
        ("ben@example.com", []),
        ("`@Ben Cho` and\n```\n@eun\n```", []),
        ("(@dan) @dan @Dan Seo", ["@dan"]),
        ("@nobody", []),
    ],
)
def test_whom_a_text_names(cast: Cast, text: str, written: list[str]) -> None:
    assert [each.written for each in named_in(text).people] == written


def test_a_korean_name_may_carry_a_particle(cast: Cast) -> None:
    type(cast.ben).objects.create_user("minsu@example.com", name="김민수")
    type(cast.ben).objects.create_user("min@example.com", name="김민")
    assert [each.user.name for each in named_in("@김민수님께 @김민이").people] == ["김민수", "김민"]
    assert named_in("@김민준").people == []
