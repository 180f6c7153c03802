"""Keep the Korean catalog in step with code and templates."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.ui import translations


class Command(BaseCommand):
    """Update the catalog, or with --check only judge it."""

    help = (
        "Collect the texts to translate into portal/locale; --check fails where one is missing or not Korean."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --check."""
        parser.add_argument(
            "--check", action="store_true", help="change nothing, fail on what is not in order"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the catalog and say how much is missing, or judge it."""
        if not options["check"]:
            catalog = translations.update()
            missing = sum(1 for message in catalog if message.id and not message.string)
            translations.compile_catalogs()
            self.stdout.write(f"{translations.catalog_path()}: {len(catalog)} texts, {missing} to translate")
            return
        found = translations.problems()
        if found:
            raise CommandError("\n".join([*found, f"{len(found)} texts; type: manage.py translations"]))
        self.stdout.write("All texts are translated.")
