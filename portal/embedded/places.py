"""Where the embedded servers keep their files, and a short enough folder for their sockets."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.process import EmbeddedError, private_folder

# A socket's path has at most 107 bytes on Linux, 103 on macOS; ".s.PGSQL.5432.lock" follows the folder.
LONGEST_FOLDER = 80


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one VAR; all are 0700."""

    var: Path

    @property
    def postgres(self) -> Path:
        """Return the folder of PostgreSQL's data, pidfile and passwords."""
        return self.var / "postgres"

    @property
    def valkey(self) -> Path:
        """Return the folder of Valkey's configuration and pidfile."""
        return self.var / "valkey"

    @property
    def logs(self) -> Path:
        """Return the folder of everybody's logs."""
        return self.var / "log"

    @property
    def sockets(self) -> Path:
        """Return VAR/run, or a short folder of ours under the runtime folder where VAR is too long."""
        near = self.var / "run"
        if len(os.fsencode(near)) <= LONGEST_FOLDER:
            return near
        name = f"data-desk-{os.getuid()}-{hashlib.sha256(os.fsencode(self.var)).hexdigest()[:12]}"
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        if len(os.fsencode(runtime / name)) > LONGEST_FOLDER:
            runtime = Path("/tmp")  # noqa: S108 - the folder in it is ours alone, as ready() checks
        return runtime / name

    def ready(self) -> "Places":
        """Make the folders and refuse a socket folder that somebody else put there."""
        for folder in (self.var, self.postgres, self.valkey, self.logs):
            private_folder(folder)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), *_servers_user()}:
            message = (
                f"{self.sockets} is not a folder of yours, so the servers' sockets cannot be kept there."
            )
            raise EmbeddedError(message)
        self.sockets.chmod(0o700)
        return self


def _servers_user() -> set[int]:
    # As root, without user namespaces, PostgreSQL runs as "nobody" and owns the folder (see postgres.py).
    return {65534} if os.getuid() == 0 else set()
