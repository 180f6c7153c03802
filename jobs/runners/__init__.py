"""The kinds of job, one a file, and their registry."""
