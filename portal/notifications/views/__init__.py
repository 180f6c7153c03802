"""The pages of notifications: one a file."""
