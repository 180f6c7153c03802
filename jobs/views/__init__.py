"""The pages of jobs and runs, one a file."""
