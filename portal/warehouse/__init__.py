"""The port to the warehouse: one protocol, one file an engine."""
