"""What data there is: datasets, metrics, their lineage and their numbers."""
