"""A web process that is told to stop lets nobody in any more, and answers all who came in before.

Gunicorn's own goes on listening until its last request is answered: the kernel takes connections in that
nobody is going to serve, and resets them in the end. One that is refused goes to another instance instead.
"""

import threading
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker

from portal import configuration as conf
from portal.launch.leaving import Leaving

DRAIN: Final = conf.integer("WEB_DRAIN", 0, most=600)


class DrainingWorker(ThreadWorker):  # type: ignore[misc]
    """Closes the port as soon as it stops; what waits there by then is taken in first."""

    sockets: list[Any]

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Begin to leave: say so by /readyz at once, and close the port after WEB_DRAIN seconds."""
        if DRAIN and not Leaving.asked:
            threading.Timer(DRAIN, super().handle_exit, (sig, frame)).start()
        else:
            super().handle_exit(sig, frame)
        Leaving.asked = True

    def set_accept_enabled(self, enabled: bool) -> None:
        """Look at the port, or no longer; a process that is only replaced leaves it to the others."""
        super().set_accept_enabled(enabled)
        if Leaving.asked and not self.alive:
            for listener in self.sockets:
                self._take_in(listener)
                listener.close()
            self.sockets = []

    def _take_in(self, listener: Any) -> None:
        before = -1
        while self.nr_conns != before:
            before = self.nr_conns
            self.accept(listener)
