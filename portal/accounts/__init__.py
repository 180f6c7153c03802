"""People: users, teams, roles, permissions, sign-in and API tokens."""
