"""Who is signed in: allauth's own backend, which reads the person by a prepared statement."""

from typing import Final

from allauth.account.auth_backends import AuthenticationBackend

from portal.accounts.models import User
from portal.accounts.prepared import Prepared

_PERSON: Final = Prepared(lambda *, pk: User.objects.filter(pk=pk))


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """Every page asks for its reader."""

    def get_user(self, user_id: int) -> User | None:
        """Return the person, or None where there is none or they may not sign in any more."""
        user = _PERSON.first(pk=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
