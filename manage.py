#!/usr/bin/env python
"""Run Django's commands for Data Desk; a wrong setting is one sentence and exit code 1."""

import os
import sys

from django.core.management import execute_from_command_line

from portal.configuration import ConfigurationError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        sys.exit(f"data-desk: {error}")
