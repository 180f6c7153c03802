"""A system check of the role behind LAKE_READER_URL: ``manage.py check --database default``, and migrate."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import psycopg2
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004

_SECONDS: Final = 5
_ROLE: Final = "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user"
_WRITES: Final = (
    "SELECT has_database_privilege(current_database(), 'CREATE')"
    " OR has_database_privilege(current_database(), 'TEMP')"
)
_HINT: Final = (
    "Make a role that may only read, as docker/create-roles.sh does, and name it in LAKE_READER_URL."
)


def check_reader(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Find a reader that is a superuser (the warehouse refuses it) or may write; silent if none answers."""
    if not databases:
        return []
    try:
        with (
            closing(psycopg2.connect(settings.LAKE_READER_URL, connect_timeout=_SECONDS)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_ROLE)
            name, superuser = cursor.fetchone() or ("", False)
            cursor.execute(_WRITES)
            (writes,) = cursor.fetchone() or (False,)
    except psycopg2.Error:
        # Whoever needs the lake will say that it does not answer, and why.
        return []
    if superuser:
        message = f"The role {name} of LAKE_READER_URL is a superuser: no query of a person will be answered."
        return [Error(message, hint=_HINT, id="warehouse.E001")]
    if writes:
        message = (
            f"The role {name} of LAKE_READER_URL may write: only the linter and the engine's read-only mode"
            " stand between people's SQL and the lake's catalog."
        )
        return [Warning(message, hint=_HINT, id="warehouse.W001")]
    return []
