"""Questions from business teams and the answers to them."""
