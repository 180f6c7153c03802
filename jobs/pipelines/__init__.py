"""Pipelines that come with the portal."""
