"""Pages and parts of discussions."""
