"""Personal values are found by name and by value, and masked so that nothing identifying is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.warehouse.personal import looks_personal, mask
from tests.lake import Lake


@pytest.mark.parametrize(
    "name",
    [
        "email", "e_mail", "user_email", "phone", "phone_number", "mobile", "ssn", "first_name", "lastName",
        "customerName",
        "이름", "고객이름", "전화번호", "주민등록번호", "이메일", "주소", "birth_date",
        "ip_address", "주민번호",
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_name(name: str) -> None:
    assert looks_personal(name, [])


@pytest.mark.parametrize(
    "name", ["carrier", "origin", "filename", "descriptor", "hour", "telemetry", "seats"]
)
def test_an_ordinary_name_is_not_suspected(name: str) -> None:
    assert not looks_personal(name, ["AA", "B6", 12])


@pytest.mark.parametrize(
    "value",
    [
        "ada@example.com", "010-1234-5678", "02-123-4567", "+82 10 1234 5678", "01012345678",
        "(212) 555-0100",
        "+1 212-555-0100", "900101-1234567", "9001011234567", "123-45-6789",
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_values(value: str) -> None:
    assert looks_personal("note", [value])


@pytest.mark.parametrize(
    "value", ["2013-02-08", "1.234.567", "12345", "N14228", "08:30", "2013-02-08T10:00:00"]
)
def test_dates_and_codes_are_not_taken_for_persons(value: str) -> None:
    assert not looks_personal("note", [value] * 10)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("ada@example.com", "a•••@•••"),
        ("N14228", "N•••••"),
        ("010-1234-5678", "•••••"),
        ("김철수", "•••••"),
        (19900101, "•••••"),
        (None, None),
        ("", ""),
    ],
)
def test_the_mask_keeps_only_a_shape(value, shape) -> None:
    assert mask(value) == shape


@given(st.text(min_size=2))
def test_no_mask_keeps_two_characters_of_a_value(value: str) -> None:
    masked = mask(value)
    kept = masked.replace("•", "").replace("@", "")
    assert len(kept) <= 1
    assert masked != value or set(value) <= set("•@")


PEOPLE = (
    "SELECT 'p' || n || '@example.com' AS note, 'Name ' || n AS full_name, n AS amount,"
    " CASE WHEN n % 4 = 0 THEN NULL ELSE n % 3 END AS kind, 2013 AS year FROM range(100) AS r(n)"
)


def test_a_profile_describes_and_tells_nothing_personal(lake: Lake) -> None:
    with lake.writer() as warehouse:
        staged = lake.stage(warehouse, "ops.people", PEOPLE)
        found = {each.name: each for each in warehouse.profile(staged)}
        rows = warehouse.sample(staged, limit=5)
    assert found["note"].personal
    assert (found["note"].minimum, found["note"].maximum, found["note"].histogram) == ("", "", [])
    assert found["note"].distinct_count == 100
    amount = found["amount"]
    assert (amount.minimum, amount.maximum, amount.distinct_count, len(amount.histogram)) == (
        "0",
        "99",
        100,
        12,
    )
    assert found["kind"].null_fraction == 0.25
    assert max(found["kind"].histogram) == 1.0
    assert found["year"].histogram == [1.0]
    assert len(rows.rows) == 5
    assert all(row[0] == "p•••@•••" and row[1] == "N•••••" for row in rows.rows)
    assert "example" not in str(rows.rows)


def test_a_column_that_is_classified_is_not_guessed(lake: Lake) -> None:
    with lake.writer() as warehouse:
        staged = lake.stage(warehouse, "ops.people", PEOPLE)
        classified = {"note": False, "full_name": False, "amount": True, "kind": False}
        found = {each.name: each for each in warehouse.profile(staged, personal=classified)}
        rows = warehouse.sample(staged, limit=5, personal=classified)
    assert [name for name, each in found.items() if each.personal] == ["amount"]
    assert found["amount"].minimum == ""
    assert {row[2] for row in rows.rows} == {"•••••"}
