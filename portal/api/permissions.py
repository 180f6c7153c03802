"""What a token may do: its scopes, and never more than its owner."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from portal.accounts.models import ApiToken
from portal.accounts.scopes import covers, permission_of


class ScopePermission(BasePermission):
    """Ask the view's ``required_scopes`` (method → scope) of the token, and of its owner's roles.

    A view without an entry for the method refuses: what nobody declared is not open. A scope that it names in
    ``or_scopes`` does as well. ``jobs:run`` is also met by a token for one job (``jobs:run:load-flights``);
    the view then asks ``token_may_run``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether this call may go on."""
        token = request.auth
        if not isinstance(token, ApiToken):
            return False
        scopes: dict[str, str] = getattr(view, "required_scopes", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        needed = scopes.get(method)
        if needed is None:
            # DRF answers 405 by itself for a method that the view does not have.
            return request.method not in view.allowed_methods
        others: dict[str, str] = getattr(view, "or_scopes", {})
        enough = {needed, others.get(method, needed)}
        return any(covers(token.scopes, each) and token.owner.may(permission_of(each)) for each in enough)


def token_may_run(token: ApiToken, job_key: str) -> bool:
    """Say whether the token may start this job: by ``jobs:run`` or by ``jobs:run:<key>``."""
    granted = {"jobs:run", f"jobs:run:{job_key}"}
    return not granted.isdisjoint(token.scopes) and token.owner.may(permission_of("jobs:run"))
