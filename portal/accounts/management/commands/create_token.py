"""Make an API token for somebody, from the command line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.actions import tokens
from portal.accounts.exceptions import ScopeTooWide, UnknownScope
from portal.accounts.models import User
from portal.accounts.scopes import SCOPES
from portal.audit.actions import Actor


class Command(BaseCommand):
    """Make a token and print its secret, which is stored nowhere."""

    help = "Make an API token in somebody's name and print its secret once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the owner's e-mail, a name, scopes and days."""
        parser.add_argument("email", help="whose token it is; it never does more than they may")
        parser.add_argument("--name", required=True, help="which system will use it")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            metavar="SCOPE",
            help=f"{', '.join(SCOPES)} or jobs:run:<job>; may be given several times",
        )
        parser.add_argument("--days", type=int, default=90, help="how long it works (1 to 366, default 90)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the secret, and nothing else, so that a script can take it."""
        owner = User.objects.filter(email__iexact=options["email"].strip(), is_active=True).first()
        if owner is None:
            message = f"Nobody active has the e-mail {options['email']}."
            raise CommandError(message)
        try:
            issued = tokens.create(
                owner=owner,
                name=options["name"],
                scopes=options["scope"],
                days=options["days"],
                by=Actor.system("command line"),
            )
        except UnknownScope as error:
            message = f"{error} is not a scope; there are {', '.join(SCOPES)} and jobs:run:<job>."
            raise CommandError(message) from error
        except ScopeTooWide as error:
            message = f"{owner.email} may not do {error}, so their token cannot either."
            raise CommandError(message) from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(issued.secret)
