"""How a run survives: claim, supervise, finish, and the clock."""
