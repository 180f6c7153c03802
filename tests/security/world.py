"""The objects that the policy table speaks of, and clients for its principals."""

from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import reverse

from catalog.choices import Visibility
from jobs.choices import RunState
from portal.accounts.actions import people as people_actions
from portal.accounts.actions import tokens as token_actions
from portal.accounts.models import Team, User
from portal.audit.actions import Actor
from portal.demo.people import load_people
from tests.factories import catalog as catalog_factory
from tests.factories import jobs as jobs_factory
from tests.security.policy import Route, table

TESTER = Actor.system("test")
KEYS = {
    "company": "load-flights",
    "finance": "close-months",
    "data": "tune-the-lake",
    "missing": "not-there-ever",
}
NAMES = {
    "company": "flights",
    "finance": "revenue_secret",
    "data": "oncall_secret",
    "missing": "not_there_ever",
}
NOBODY = 987_654_321


class World:
    """Shared by all cases of a module; each case's changes are rolled back."""

    def __init__(self) -> None:
        self.people: dict[str, User] = load_people()
        self.teams = {team.key: team for team in Team.objects.all()}
        self.sessions = {name: _session(user) for name, user in self.people.items()}
        # A second way in of Dan's, which the cases list and end; none of them comes through it.
        dan = self.people["dan"]
        self.dans_session = UserSession.objects.create(
            user=dan, session_key=_session(dan), ip="192.0.2.7", user_agent="Firefox/150.0 (Windows)"
        )
        self._make_tokens()
        self._make_jobs()
        self._make_catalog()

    def _make_tokens(self) -> None:
        self.secrets: dict[str, str] = {}
        self.tokens = {}
        for name, given in table()["tokens"].items():
            owner = self.people[given["owner"]]
            issued = token_actions.create(owner=owner, name=name, scopes=given["scopes"], days=7, by=TESTER)
            if given.get("dead"):
                token_actions.revoke(token=issued.token, by=TESTER)
            self.secrets[name] = issued.secret
        dans = token_actions.create(
            owner=self.people["dan"], name="dans", scopes=["jobs:read"], days=7, by=TESTER
        )
        self.tokens["dans"] = dans.token

    def _make_jobs(self) -> None:
        self.jobs, self.runs, self.schedules = {}, {}, {}
        for kind, team in (("company", "data"), ("finance", "finance"), ("data", "data")):
            job = jobs_factory.make_job(KEYS[kind], team=self.teams[team], private=kind != "company")
            self.jobs[kind] = job
            self.runs[kind] = jobs_factory.make_run(job, RunState.QUEUED)
            self.schedules[kind] = jobs_factory.make_schedule(job)

    def _make_catalog(self) -> None:
        for kind, team in (("company", "data"), ("finance", "finance"), ("data", "data")):
            visibility = Visibility.COMPANY if kind == "company" else Visibility.TEAM
            fields = {"team": self.teams[team], "visibility": visibility}
            catalog_factory.dataset(NAMES[kind], **fields)
            catalog_factory.metric(
                f"{NAMES[kind]}_rate", points=[("2013-01-01", 0.7), ("2013-02-01", 0.8)], **fields
            )

    def kwargs(self, route: Route, kind: str) -> dict[str, Any]:
        """Return what stands in the address of this kind of object."""
        if not route.object:
            return {}
        found: dict[str, Any] = getattr(self, f"_{route.object}")(kind)
        return found

    def url(self, route: Route, kind: str) -> str:
        return reverse(route.name, kwargs=self.kwargs(route, kind))

    def _dataset(self, kind: str) -> dict[str, Any]:
        return {"key": NAMES[kind]}

    def _metric(self, kind: str) -> dict[str, Any]:
        return {"key": f"{NAMES[kind]}_rate"}

    def _job(self, kind: str) -> dict[str, Any]:
        return {"key": KEYS[kind]}

    def _schedule(self, kind: str) -> dict[str, Any]:
        schedule = self.schedules.get(kind)
        return {"key": KEYS[kind], "schedule_id": schedule.pk if schedule else NOBODY}

    def _run(self, kind: str) -> dict[str, Any]:
        run = self.runs.get(kind)
        return {"number": run.number if run else NOBODY}

    def _run_id(self, kind: str) -> dict[str, Any]:
        run = self.runs.get(kind)
        return {"run_id": run.pk if run else UUID(int=NOBODY)}

    def _token(self, kind: str) -> dict[str, Any]:
        token = self.tokens.get(kind)
        return {"pk": token.pk if token else NOBODY}

    def _session(self, kind: str) -> dict[str, Any]:
        return {"pk": self.dans_session.pk if kind == "dans" else NOBODY}

    def _person(self, kind: str) -> dict[str, Any]:
        user = self.people.get(kind)
        return {"pk": user.pk if user else NOBODY}

    def _team(self, kind: str) -> dict[str, Any]:
        return {"key": kind}

    def _admin_link(self, kind: str) -> dict[str, Any]:
        return {"token": "no-such-link"}

    def _password_key(self, kind: str) -> dict[str, Any]:
        return {"uidb36": "zzz", "key": "no-such-key"}

    def client(self, principal: str, *, csrf: bool = False) -> Client:
        """Return a client that is signed in, carries the token, or is nobody."""
        headers = {}
        if principal in self.secrets:
            headers["Authorization"] = f"Bearer {self.secrets[principal]}"
        client = Client(enforce_csrf_checks=csrf, headers=headers)
        if principal in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[principal]
        return client

    def deactivate(self, name: str) -> None:
        people_actions.deactivate(user=self.people[name], by=TESTER)


def _session(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)
