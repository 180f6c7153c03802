"""The catalog over HTTP for other systems."""
