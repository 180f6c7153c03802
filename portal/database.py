"""What a failing statement says of the database itself."""

from django.db import DatabaseError, InterfaceError, OperationalError


def is_away(error: BaseException | None) -> bool:
    """Say whether the database did not answer, or asked to try again; any other error would come back.

    A connection that ends in the middle of an answer is sometimes told by psycopg2 as a bare DatabaseError:
    there is no SQLSTATE then from which it could make a more exact one.
    """
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
