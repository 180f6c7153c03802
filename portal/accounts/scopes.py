"""Scopes: the words that say what a token is for. A token never does more than its owner may."""

import re
from collections.abc import Callable, Collection
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import User
from portal.accounts.permissions import Permission

SCOPES: Final[dict[str, tuple[Permission, Promise]]] = {
    "catalog:read": (Permission.VIEW_CATALOG, _("Read datasets and metrics")),
    "jobs:read": (Permission.VIEW_JOBS, _("Read jobs, runs and logs")),
    "reports:read": (Permission.VIEW_JOBS, _("Read reports, their editions and files")),
    "questions:read": (Permission.ASK_QUESTIONS, _("Read questions and answers")),
    "questions:write": (Permission.ASK_QUESTIONS, _("Ask questions and do what you may do with them")),
    "discussion:read": (Permission.VIEW_CATALOG, _("Read the discussions of what you may see")),
    "discussion:write": (Permission.VIEW_CATALOG, _("Comment on what you may see, in your name")),
    "queries:run": (Permission.RUN_SQL, _("Ask the lake in SQL and read the answers")),
    "webhooks:read": (Permission.EDIT_JOBS, _("Read your webhooks and what was sent to them")),
    "webhooks:write": (Permission.EDIT_JOBS, _("Make and remove your webhooks, and send again")),
    # A job may name people beyond those whose role runs or edits jobs: the views ask the job itself.
    "jobs:edit": (
        Permission.VIEW_JOBS,
        _("Change when jobs start and how many at a time, and switch them on and off"),
    ),
    "jobs:run": (Permission.VIEW_JOBS, _("Run any job that you may run, follow its runs and cancel them")),
    "jobs:write": (Permission.VIEW_JOBS, _("Make jobs and change those that you may edit")),
}
# Returns which of these keys name no job that the person may see; the jobs put theirs in under «jobs».
unseen: Final[dict[str, Callable[[Collection[str], User], list[str]]]] = {}
_ONE_JOB: Final = re.compile(r"jobs:run:[-a-zA-Z0-9_]{1,100}")


def permission_of(scope: str) -> Permission:
    """Return what the owner must be allowed for the scope to work; KeyError for an unknown word."""
    return SCOPES["jobs:run" if _ONE_JOB.fullmatch(scope) else scope][0]


def is_scope(scope: str) -> bool:
    """Say whether the word is a scope at all."""
    return scope in SCOPES or _ONE_JOB.fullmatch(scope) is not None


def grantable(user: User) -> list[str]:
    """Return the plain scopes that this person's tokens may carry."""
    return [scope for scope, (permission, _label) in SCOPES.items() if user.may(permission)]


def covers(granted: list[str], needed: str) -> bool:
    """Say whether the granted scopes meet the needed one; one job's scope meets ``jobs:run`` at the door."""
    return needed in granted or any(
        scope.startswith(f"{needed}:") for scope in granted if _ONE_JOB.fullmatch(scope)
    )
