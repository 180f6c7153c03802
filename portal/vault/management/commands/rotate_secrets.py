"""Change the key that secrets are sealed by, in two steps so that no running process is left behind."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from portal.audit.actions import Actor, record
from portal.vault import keyring
from portal.vault.exceptions import VaultError
from portal.vault.rotation import keys_in_use, reseal

COMMAND = Actor.system("rotate_secrets")


class Command(BaseCommand):
    """Seal all secrets anew by a new key; with --forget take keys out of the ring that nothing needs."""

    help = (
        "Make a new key (in KEY_RING: put one in front yourself) and seal all secrets anew by it. "
        "Afterwards, with --forget, take the old keys out of the ring."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the step."""
        parser.add_argument("--forget", action="store_true", help="take out the keys that nothing needs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the step and say what is next; exit with 1 where a secret could not be opened."""
        try:
            if options["forget"]:
                self._forget()
            else:
                self._rotate()
        except VaultError as error:
            raise CommandError(str(error), returncode=1) from error

    def _rotate(self) -> None:
        if keyring.in_file():
            keyring.load()
            keyring.add_key()
        current = keyring.load().current
        done = reseal()
        with transaction.atomic():
            record("secret.rotated", by=COMMAND, about=("key", current, current), count=done.count)
        self.stdout.write(f"{done.count} secrets are sealed by the key {current} now.")
        if done.problems:
            raise CommandError("\n".join(["Not opened, so left alone:", *done.problems]), returncode=1)
        self.stdout.write(
            "Old keys still open older backups. When you need those no more: rotate_secrets --forget"
        )

    def _forget(self) -> None:
        ring, used = keyring.load(), keys_in_use()
        unused = set(ring.keys) - used - {ring.current}
        if not unused:
            self.stdout.write("There is no key that nothing needs.")
        elif keyring.in_file():
            keyring.forget(unused)
            self.stdout.write(f"Taken out of the ring: {', '.join(sorted(unused))}.")
        else:
            self.stdout.write(f"You may take out of KEY_RING: {', '.join(sorted(unused))}.")
