"""The API's description: for machines, and as a page."""
