"""The world of the policy table, and limits that count from zero."""

import copy

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from tests.lake import lake
from tests.security.world import World

__all__ = ["lake"]


@pytest.fixture(scope="module")
def _made_once(django_db_setup, django_db_blocker):
    """The world's rows, made once for a module: around its tests' transactions stands another one."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        made = World()
        # Each test closes its connection when it ends; this one is everybody's.
        patch.setattr(connection, "close", lambda: None)
        yield made
        transaction.set_rollback(True)


@pytest.fixture
def world(_made_once, db):
    cache.clear()
    # What a test changes in memory stays with it, as what it changes in the database does.
    return copy.deepcopy(_made_once)
