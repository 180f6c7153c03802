"""What changes people, teams and tokens, with a trace."""
