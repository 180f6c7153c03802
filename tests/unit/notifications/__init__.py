"""Tests of portal.notifications."""
