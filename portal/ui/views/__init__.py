"""Pages of portal.ui: preferences, gallery, errors."""
