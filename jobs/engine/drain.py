"""Work through what is claimable."""


def drain() -> None:
    """Claim and supervise runs until nothing is claimable."""
