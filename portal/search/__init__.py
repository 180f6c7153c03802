"""Text analysis for Korean and English."""
