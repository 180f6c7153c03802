"""What the sign-in page shows of the demonstration."""
