"""Webhooks: other systems hear of runs and datasets, signed by the Standard Webhooks scheme."""
