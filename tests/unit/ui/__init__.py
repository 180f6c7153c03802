"""Units of portal.ui."""
