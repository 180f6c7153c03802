"""Run PostgreSQL although the caller is root: it refuses that, so it is given another user."""

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from portal.embedded.process import EmbeddedError

NOBODY = 65534
NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
# Keeps one capability, else "nobody" could not walk through the 0700 folders above its own.
OTHER_USER = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=+dac_override",
    "--bounding-set=-all,+dac_override",
)


@dataclass(frozen=True, slots=True)
class Confinement:
    """The words to put before a command, and the owner that its files need, seen from outside."""

    prefix: tuple[str, ...]
    owner: int

    def own(self, *paths: Path) -> None:
        """Give the files to the server's user where they belong to another one."""
        if os.geteuid() != 0:
            return
        for path in paths:
            if path.lstat().st_uid == self.owner:
                continue
            for found in (path, *path.rglob("*")):
                os.chown(found, self.owner, self.owner, follow_symlinks=False)


@cache
def confinement() -> Confinement:
    """Return how to run PostgreSQL here: directly, in a user namespace, or as "nobody"."""
    if os.geteuid() != 0:
        return Confinement((), os.geteuid())
    if _works(NAMESPACE):
        return Confinement(NAMESPACE, 0)
    if _works(OTHER_USER):
        return Confinement(OTHER_USER, NOBODY)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and this machine allows neither user namespaces nor setpriv: "
        "run make as a normal user, or set DATABASE_URL to a server of yours."
    )


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
