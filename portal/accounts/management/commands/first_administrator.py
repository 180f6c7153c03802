"""Print the one-time link of the first administrator."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.accounts.actions.bootstrap import first_administrator_link


class Command(BaseCommand):
    """Make the link: it works once, within a day, while there is no administrator."""

    help = "Print a link that makes its first visitor administrator: once, within a day, while there is none."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the link, or say why there is none."""
        link = first_administrator_link()
        if link is None:
            raise CommandError("There is an administrator already; they add people on the page People.")
        self.stdout.write(link)
