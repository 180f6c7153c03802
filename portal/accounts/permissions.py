"""Permissions are words; a role is a list of them. Web and API ask the same functions (access.py)."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    """One thing a person may do."""

    VIEW_CATALOG = "catalog.view"
    EDIT_CATALOG = "catalog.edit"
    # To read personal values unmasked: by itself no role of the data team has it, only administrators.
    UNMASK = "catalog.unmask"
    VIEW_JOBS = "jobs.view"
    RUN_JOBS = "jobs.run"
    CANCEL_RUNS = "runs.cancel"
    EDIT_JOBS = "jobs.edit"
    # To make reports; which of them somebody changes, each says itself, as every job does.
    WRITE_REPORTS = "reports.write"
    ASK_QUESTIONS = "questions.ask"
    ANSWER_QUESTIONS = "questions.answer"
    TRIAGE_QUESTIONS = "questions.triage"
    MANAGE_STAFFING = "staffing.manage"
    RUN_SQL = "sql.run"
    SEE_ALL = "all.see"
    MANAGE_PEOPLE = "people.manage"
    VIEW_AUDIT = "audit.view"
    USE_TOKENS = "tokens.use"


class Role(models.TextChoices):
    """What somebody is; one person of the data team may be several things at once."""

    BUSINESS = "business", _("Business")
    ANALYST = "analyst", _("Analyst")
    ENGINEER = "engineer", _("Engineer")
    SCIENTIST = "scientist", _("Scientist")
    LEAD = "lead", _("Data team lead")
    ADMINISTRATOR = "administrator", _("Administrator")


_EVERYBODY = frozenset(
    {Permission.VIEW_CATALOG, Permission.VIEW_JOBS, Permission.USE_TOKENS, Permission.ASK_QUESTIONS}
)
_DATA_TEAM = _EVERYBODY | {
    Permission.EDIT_CATALOG,
    Permission.RUN_JOBS,
    Permission.CANCEL_RUNS,
    Permission.WRITE_REPORTS,
    Permission.ANSWER_QUESTIONS,
    Permission.RUN_SQL,
}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.BUSINESS: _EVERYBODY,
    Role.ANALYST: _DATA_TEAM,
    Role.ENGINEER: _DATA_TEAM | {Permission.EDIT_JOBS, Permission.SEE_ALL},
    Role.SCIENTIST: _DATA_TEAM,
    Role.LEAD: _DATA_TEAM
    | {
        Permission.EDIT_JOBS,
        Permission.SEE_ALL,
        Permission.VIEW_AUDIT,
        Permission.TRIAGE_QUESTIONS,
        Permission.MANAGE_STAFFING,
    },
    Role.ADMINISTRATOR: frozenset(Permission),
}


def permissions_of(roles: list[str]) -> frozenset[Permission]:
    """Return what somebody with these roles may do; nobody may do less than business staff."""
    granted = (ROLE_PERMISSIONS[Role(role)] for role in roles)
    return _EVERYBODY.union(*granted)
