"""The pages of webhooks: one a file."""
