"""Questions for other systems."""
