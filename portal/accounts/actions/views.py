"""Keep and drop saved views: one's own shortcuts, of which the audit trail need not know."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from django.db import transaction
from django.urls import Resolver404, resolve

from portal.accounts.exceptions import NotAList, TooManyViews
from portal.accounts.models import SavedView, User
from portal.accounts.shortcuts import forget_views_of

# Lists by the name of their route; anything else is a page, and has the browser's bookmarks.
LISTS = frozenset({"audit", "catalog", "inbox", "jobs", "people", "queries", "requests"})


@transaction.atomic
def keep(*, user: User, name: str, here: str) -> SavedView:
    """Keep the list at this address under a name; the same list or the same name is replaced.

    Where one stood in the list (its cursor) is not part of a view. Raises NotAList and TooManyViews.
    """
    parts = urlsplit(here)
    try:
        route = resolve(parts.path).url_name if not (parts.scheme or parts.netloc) else None
    except Resolver404:
        route = None
    if route not in LISTS:
        raise NotAList
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] != "cursor"])
    # One person's views come one after the other, so that two clicks cannot pass the limit.
    User.objects.select_for_update().get(pk=user.pk)
    own = SavedView.objects.filter(user=user)
    own.filter(name=name).exclude(path=parts.path, query=query).delete()
    view = own.filter(path=parts.path, query=query).first()
    if view is None and own.count() >= SavedView.MOST:
        raise TooManyViews
    view = view or SavedView(user=user, path=parts.path, query=query)
    view.name = name
    view.save()
    transaction.on_commit(lambda: forget_views_of(user))
    return view


def drop(*, view: SavedView) -> None:
    """Drop a saved view."""
    view.delete()
    forget_views_of(view.user)
