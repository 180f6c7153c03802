"""Fixtures of the unit tests."""

from tests.lake import lake

__all__ = ["lake"]
