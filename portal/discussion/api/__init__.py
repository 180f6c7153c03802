"""The API of discussions."""
