"""Secrets at rest: AES-256-GCM under a ring of keys that lies outside the database."""
