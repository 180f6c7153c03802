"""Pages of questions, one a file."""
