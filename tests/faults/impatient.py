"""A worker that gives up a deaf pool soon: ``celery -A tests.faults.impatient worker``, for tests only."""

import django
from django.apps import apps

from portal.celery import app

if not apps.ready:
    # In the worker this is the first module of ours that is loaded.
    django.setup()

from jobs.engine import worker

__all__ = ["SECONDS", "app"]

SECONDS = 4.0

worker.DEAF_AFTER = SECONDS
