"""Who calls the API: a token in the Authorization header, nothing else."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from portal.accounts.models import ApiToken, User
from portal.accounts.prepared import Prepared

# A token is «last used» to the minute: one write a minute, not one a call.
_NOTE_EVERY = timedelta(minutes=1)

_USABLE: Prepared[ApiToken] = Prepared(
    lambda *, digest: ApiToken.objects.usable().select_related("owner").filter(digest=digest)
)


class TokenAuthentication(BaseAuthentication):
    """Take ``Authorization: Bearer ddesk_…``; never the URL, the body or a cookie."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the token's owner and the token; None without the header; 401 for one that opens nothing."""
        scheme, _blank, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = self._find(secret.strip())
        if token is None:
            # One answer for unknown, expired, revoked and «owner left»: a guesser learns nothing.
            raise AuthenticationFailed(_("This token opens nothing: it is unknown, expired or revoked."))
        self._note_use(token)
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a refusal is a 401."""
        return 'Bearer realm="Data Desk"'

    @staticmethod
    def _find(secret: str) -> ApiToken | None:
        # The look-up goes by the SHA-256 digest: how long the index search takes says nothing about the
        # secret, since nobody can steer a digest towards a stored one byte by byte.
        if not secret.startswith(ApiToken.PREFIX) or not secret.isascii() or len(secret) > 100:
            return None
        digest = ApiToken.digest_of(secret)
        return _USABLE.first(digest=digest)

    @staticmethod
    def _note_use(token: ApiToken) -> None:
        now = timezone.now()
        if token.last_used_at is not None and now - token.last_used_at < _NOTE_EVERY:
            return
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTE_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
