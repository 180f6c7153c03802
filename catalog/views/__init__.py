"""The catalog's pages, one a file."""
