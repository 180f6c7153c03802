"""The world of the policy table, and limits that count from zero."""

import pytest
from django.core.cache import cache

from tests.security.world import World


@pytest.fixture
def world(db):
    cache.clear()
    return World()
