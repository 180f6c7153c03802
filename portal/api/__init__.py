"""What every part of the API shares: tokens, scopes, problems, paging, the schema and its page."""
