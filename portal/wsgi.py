"""The WSGI application, complete when it is imported: gunicorn loads it once, then forks."""

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_wsgi_application()
# Django would import the views at the first request: every process again, and somebody waiting for it.
get_resolver().url_patterns  # noqa: B018
# Likewise what sends wake-ups, which is loaded by the first one.
import_module("portal.celery")
