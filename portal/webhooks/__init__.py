"""Webhooks: other systems hear of runs, datasets and questions, signed by the Standard Webhooks scheme."""
