"""A number with its proof."""
