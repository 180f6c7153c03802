"""Today: the only pages that read across apps."""
