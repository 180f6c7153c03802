"""Sentences that more than one place of the engine says, once in Python and once within a statement."""

from typing import Final

from django.utils.translation import gettext_noop

WORKER_SILENT: Final = gettext_noop("Its worker went silent.")
# What nobody of ours stops any more.
LOOK_FOR: Final = gettext_noop("Look for %(id)s in %(system)s, and stop it there if nobody needs it.")
