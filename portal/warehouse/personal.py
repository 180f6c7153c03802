"""Find personal data and mask it, so that previews and profiles identify nobody."""

import re
from collections.abc import Iterable
from typing import Any

SUPPRESSED = "•••••"
# What a profile of a personal column may not tell.
MASKED_PROFILE: dict[str, Any] = {"minimum": "", "maximum": "", "histogram": []}

_NAMES = re.compile(
    r"(^|_)(e?_?mail|email_?address|phone|mobile|cell|tel|fax|ssn|rrn|passport|birth|birthday|birthdate|dob"
    r"|first_?name|last_?name|full_?name|sur_?name|given_?name|family_?name|user_?name|customer_?name"
    r"|contact_?name|name|address|street|ip|ip_?address|card_?no|card_?number|account_?no|iban|license_?plate)"
    r"(_|\d|$)|주민|전화|휴대폰|핸드폰|연락처|이름|성명|이메일|메일|주소|생년월일|생일|여권|계좌|카드번호|차량번호",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_VALUES = (
    _EMAIL,
    # Korean phone numbers: 010-1234-5678, 02 123 4567, +82 10 1234 5678.
    re.compile(r"(\+?82[-\s]?|0)(2|1[016789]|[3-6]\d|70|50\d)[-\s.]?\d{3,4}[-\s.]?\d{4}"),
    # North American ones: (212) 555-0100, +1 212.555.0100.
    re.compile(r"(\+?1[-\s.]?)?(\(\d{3}\)\s?|\d{3}[-\s.])\d{3}[-\s.]\d{4}"),
    # Resident registration numbers: six digits of birth, then seven of which the first is 1–8.
    re.compile(r"\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-?[1-8]\d{6}"),
    # US social security numbers.
    re.compile(r"\d{3}-\d{2}-\d{4}"),
)
# This share of the values is enough: one address among notes identifies somebody, but codes may look alike.
_SHARE = 0.05


def looks_personal(name: str, values: Iterable[Any]) -> bool:
    """Judge a column that nobody has classified, by its name and some of its values."""
    spelt = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    if _NAMES.search(spelt):
        return True
    texts = [str(value).strip() for value in values if isinstance(value, str | int) and str(value).strip()]
    hits = sum(any(pattern.fullmatch(text) for pattern in _VALUES) for text in texts)
    return hits > 0 and hits >= len(texts) * _SHARE


def mask(value: Any) -> Any:
    """Return the shape of a value and nothing that identifies: ``a•••@•••``, ``N•••••``, or dots alone.

    The length is hidden as well. Only a first Latin letter is kept: a Hangul syllable may be a whole
    surname, a digit a birth year.
    """
    if value is None or value == "":
        return value
    text = str(value)
    initial = text[0] if text[0].isascii() and text[0].isalpha() and len(text) > 2 else ""
    if _EMAIL.fullmatch(text):
        return f"{initial}•••@•••"
    return initial + SUPPRESSED
