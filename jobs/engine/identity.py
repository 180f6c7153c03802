"""Which worker this process belongs to."""

import os
import socket

from django.conf import settings

HOST = socket.gethostname()
# Pool children are forked from the worker's main process and keep the name it had at the fork.
_NAME = (settings.WORKER_NAME or f"{HOST}:{os.getpid()}")[:100]


def worker_name() -> str:
    """Return the worker's name: WORKER_NAME, else host and the main process's number."""
    return _NAME
