"""A module of pipelines that never gets loaded: its import waits for ever."""

import time

time.sleep(3600)
