"""Verify the audit trail's chain, against a checkpoint kept elsewhere if there is one."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.audit.verifying import BadCheckpoint, Broken, Checkpoint, verify


class Command(BaseCommand):
    """Recompute the chain; exit with 1 and name the first event that does not fit."""

    help = "Recompute the chain of the audit trail; exit with 1 at the first event that does not fit."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the files of the checkpoint to compare with and of the one to write."""
        parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint written earlier")
        parser.add_argument(
            "--write-checkpoint",
            type=Path,
            metavar="FILE",
            help="where to write the chain's end once it holds",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, say what was found, and write the new checkpoint only if all is in order."""
        try:
            checkpoint = Checkpoint.read(options["checkpoint"]) if options["checkpoint"] else None
            found = verify(checkpoint)
        except (BadCheckpoint, Broken) as error:
            raise CommandError(str(error), returncode=1) from error
        if options["write_checkpoint"]:
            found.end.write(options["write_checkpoint"])
        self.stdout.write(
            f"The chain holds: {found.end.seq} sealed events, {found.waiting} waiting for their seal. "
            f"End: {found.end.hash}"
        )
