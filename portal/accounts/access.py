"""The only way from a request to people, sessions and tokens, and the one question «may they?»."""

from allauth.usersessions.models import UserSession
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from portal.accounts.models import ApiToken, SavedView, Team, User
from portal.accounts.permissions import Permission


def signed_in(request: HttpRequest) -> User:
    """Return who is at the screen; refuse where nobody is, should a view ever be reached that way."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def anybody() -> User:
    """Return somebody of business staff whom nothing names: they see what the whole company sees."""
    return User(pk=0)


def require(user: User, permission: Permission) -> None:
    """Raise PermissionDenied unless one of this person's roles grants the permission."""
    if not user.may(permission):
        raise PermissionDenied


def access_user(viewer: User, pk: int) -> User:
    """Return somebody to those who manage people; a missing person is a 404."""
    require(viewer, Permission.MANAGE_PEOPLE)
    user = User.objects.filter(pk=pk).first() if pk < 2**63 else None
    if user is None:
        raise Http404
    return user


def access_team(viewer: User, key: str) -> Team:
    """Return a team to those who manage people; a missing team is a 404."""
    require(viewer, Permission.MANAGE_PEOPLE)
    team = Team.objects.filter(key=key).first()
    if team is None:
        raise Http404
    return team


def access_token(viewer: User, pk: int) -> ApiToken:
    """Return one's own token, anybody's to those who manage people; else 404."""
    tokens = ApiToken.objects.select_related("owner")
    if not viewer.may(Permission.MANAGE_PEOPLE):
        tokens = tokens.filter(owner=viewer)
    token = tokens.filter(pk=pk).first() if pk < 2**63 else None
    if token is None:
        raise Http404
    return token


def access_view(viewer: User, pk: int) -> SavedView:
    """Return one's own saved view; anybody else's and a missing one are a 404."""
    view = SavedView.objects.filter(user=viewer, pk=pk).first() if pk < 2**63 else None
    if view is None:
        raise Http404
    return view


def access_session(viewer: User, pk: int) -> UserSession:
    """Return one's own session; anybody else's, to whomever, and a missing one are a 404."""
    session = UserSession.objects.filter(user=viewer, pk=pk).first() if pk < 2**63 else None
    if session is None:
        raise Http404
    return session
