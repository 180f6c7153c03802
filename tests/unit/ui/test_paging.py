"""Paging loses no row and shows none twice, also among equals and backwards."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from portal.accounts.models import User
from portal.ui import paging
from portal.ui.paging import BadCursor, keyset

pytestmark = pytest.mark.django_db
ORDER = ("-time_zone", "name", "id")


@pytest.fixture
def people():
    """Eleven people, most of them equal in what the list is ordered by."""
    return [
        User.objects.create_user(f"p{index}@example.com", name=f"N{index % 2}", time_zone=f"Z{index % 3}")
        for index in range(11)
    ]


def walk(cursor=None, step="next_cursor", size=3):
    pages = []
    while True:
        page = keyset(User.objects.all(), order=ORDER, cursor=cursor, size=size)
        pages.append(page)
        cursor = getattr(page, step)
        if cursor is None:
            return pages


def test_the_pages_together_are_the_list(people):
    pages = walk()
    expected = list(User.objects.order_by(*ORDER))
    assert [row for page in pages for row in page.items] == expected
    assert [len(page.items) for page in pages] == [3, 3, 3, 2]
    assert pages[0].previous_cursor is None
    assert pages[-1].next_cursor is None


def test_the_way_back_shows_the_same_rows_in_the_same_order(people):
    forward = walk()
    back = walk(forward[-1].previous_cursor, "previous_cursor")
    assert [page.items for page in back] == [page.items for page in reversed(forward[:-1])]
    assert back[-1].previous_cursor is None
    assert back[0].next_cursor is not None


def test_a_row_that_comes_in_between_moves_nothing(people):
    first = keyset(User.objects.all(), order=ORDER, cursor=None, size=3)
    second = keyset(User.objects.all(), order=ORDER, cursor=first.next_cursor, size=3)
    User.objects.create_user("new@example.com", name="N0", time_zone="Z9")
    assert keyset(User.objects.all(), order=ORDER, cursor=first.next_cursor, size=3).items == second.items


def test_an_empty_list_has_no_neighbours(db):
    page = keyset(User.objects.none(), order=ORDER, cursor=None)
    assert not page
    assert (page.next_cursor, page.previous_cursor) == (None, None)


def test_a_list_that_just_fits_has_one_page(people):
    page = keyset(User.objects.all(), order=ORDER, cursor=None, size=11)
    assert page.next_cursor is None


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "bnVsbA",
        "WzBd",
        "WzAsMSwyLDMsNF0",
        "WzAsWyJ6IiwxXSwxLDFd",
        "eyJhIjoxfQ",
        "WzAse30sInQiLDFd",
        "é",
    ],
)
def test_a_cursor_from_elsewhere_is_refused(people, cursor):
    with pytest.raises(BadCursor):
        keyset(User.objects.all(), order=ORDER, cursor=cursor)


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2013, 3, 1, tzinfo=dt.UTC),
        dt.date(2013, 3, 1),
        uuid.uuid4(),
        Decimal("1.50"),
        "한글",
        7,
        0.5,
    ],
)
def test_every_kind_of_value_survives_the_cursor(value):
    row = type("Row", (), {"value": value})()
    cursor = paging._encode(row, ("value",), backward=True)
    assert paging._decode(cursor, 1) == (True, [value])


def test_a_null_cannot_be_paged_by():
    with pytest.raises(TypeError, match="never null"):
        paging._encode(type("Row", (), {"value": None})(), ("value",), backward=False)
