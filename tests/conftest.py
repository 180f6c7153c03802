"""Fixtures that every test may ask for."""

import pytest

from portal.accounts.models import User
from portal.demo.people import load_people


class Cast:
    """The six people of the product page, by first name."""

    ada: User
    ben: User
    cleo: User
    dan: User
    eun: User
    finn: User

    def __init__(self) -> None:
        vars(self).update(load_people())


@pytest.fixture
def cast(db: None) -> Cast:
    """Ada, Ben, Cleo, Dan, Eun and Finn, in their teams."""
    return Cast()
