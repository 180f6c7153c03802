"""API tokens for tests."""

from portal.accounts.models import ApiToken, User


def bearer(owner: User, *scopes: str) -> dict[str, str]:
    """Return the headers of a call with a new token of this person."""
    secret = ApiToken.new_secret()
    ApiToken.objects.create(
        owner=owner,
        name="test",
        hint=secret[-4:],
        digest=ApiToken.digest_of(secret),
        scopes=list(scopes),
        expires_at=ApiToken.default_expiry(),
    )
    return {"Authorization": f"Bearer {secret}"}
