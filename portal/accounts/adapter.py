"""How allauth behaves here: nobody signs up by themselves, links go by PUBLIC_URL."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from portal.accounts.models import User
from portal.audit.actions import Actor, record


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Close the sign-up and build links that no Host header can bend."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no: administrators add people."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link of a password mail; its host is PUBLIC_URL's, never that of the request."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.PUBLIC_URL + path.replace("UID-KEY", key)

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        """Set somebody's password, by their own hand: on the page or by a link that was sent to them."""
        super().set_password(user, password)
        record("person.password_set", by=Actor.person(user), about=("user", str(user.pk), user.name))
