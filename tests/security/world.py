"""The objects that the policy table speaks of, and clients for its principals."""

from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.choices import Visibility
from catalog.models import MetricPoint
from jobs.actions import peeks, secrets
from jobs.choices import QUERY_JOB, Condition, RunState
from jobs.models import Alert
from jobs.runners.load_config import Files
from portal.accounts.actions import people as people_actions
from portal.accounts.actions import tokens as token_actions
from portal.accounts.models import SavedView, Team, User
from portal.audit.actions import Actor
from portal.demo.people import load_people
from portal.evidence.actions import cite
from portal.evidence.models import Evidence
from portal.notifications.models import Notification, Outbox
from requests_app.actions import answers
from tests.factories import catalog as catalog_factory
from tests.factories import discussion as discussion_factory
from tests.factories import jobs as jobs_factory
from tests.factories import questions as questions_factory
from tests.factories import webhooks as webhooks_factory
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
        self.dans_notification = Notification.objects.create(
            recipient=dan, kind="run.failed", about_kind="run", about_key="", actor_kind="system"
        )
        self.dans_delivery = Outbox.objects.create(
            notification=self.dans_notification,
            channel="mail",
            state="failed",
            ended_at=timezone.now(),
            reason="TimeoutError",
        )
        self.dans_session = UserSession.objects.create(
            user=dan, session_key=_session(dan), ip="192.0.2.7", user_agent="Firefox/150.0 (Windows)"
        )
        self.dans_view = SavedView.objects.create(user=dan, name="Failing", path="/jobs/")
        secrets.add(name="crm", purpose="", value="hush-hush", user=dan, by=TESTER)
        self.webhooks = {
            f"{name}s": webhooks_factory.make_endpoint(self.people[name]) for name in ("dan", "cleo")
        }
        self.events = {kind: webhooks_factory.make_delivery(each) for kind, each in self.webhooks.items()}
        self._make_tokens()
        self._make_jobs()
        self._make_catalog()
        self._make_reports()
        self._make_questions()
        self._make_evidence()

        self._make_discussions()

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
        self.jobs, self.runs, self.schedules, self.artifacts = {}, {}, {}, {}
        self.triggers, self.backfills = {}, {}
        for kind, team in (("company", "data"), ("finance", "finance"), ("data", "data")):
            job = jobs_factory.make_job(KEYS[kind], team=self.teams[team], private=kind != "company")
            self.jobs[kind] = job
            self.runs[kind] = jobs_factory.make_run(job, RunState.QUEUED)
            Alert.objects.create(job=job, run=self.runs[kind], condition=Condition.LATE)
            self.schedules[kind] = jobs_factory.make_schedule(job)
            self.triggers[kind] = jobs_factory.make_trigger(job)
            self.backfills[kind] = jobs_factory.make_backfill(job)
            jobs_factory.make_version(job)
            self.artifacts[kind] = jobs_factory.make_artifact(self.runs[kind])

        asking = jobs_factory.make_job(QUERY_JOB, private=True)
        self.query = jobs_factory.make_run(
            asking, RunState.QUEUED, by=self.people["ben"], params={"sql": "SELECT 1", "parameters": {}}
        )

        dan = self.people["dan"]
        self.peek = peeks.look(source=Files(path="a.csv"), by=TESTER, requested_by=dan)

    def _make_catalog(self) -> None:
        for kind, team in (("company", "data"), ("finance", "finance"), ("data", "data")):
            visibility = Visibility.COMPANY if kind == "company" else Visibility.TEAM
            fields = {"team": self.teams[team], "visibility": visibility}
            catalog_factory.dataset(NAMES[kind], **fields)
            catalog_factory.metric(
                f"{NAMES[kind]}_rate", points=[("2013-01-01", 0.7), ("2013-02-01", 0.8)], **fields
            )

    def _make_reports(self) -> None:
        """A report of each kind with one edition, and one that everybody sees over finance's table."""
        self.reports, self.cited = {}, {}
        finance = [f"lake.operations.{NAMES['finance']}"]
        for kind, team, tables in (
            ("company", "data", []),
            ("finance", "finance", []),
            ("data", "data", []),
            ("rows", "data", finance),
        ):
            run, self.cited[kind] = jobs_factory.make_edition(
                f"report-{kind}", tables=tables, team=self.teams[team], private=kind in {"finance", "data"}
            )
            self.reports[kind] = run
            jobs_factory.make_artifact(run, name="flights-en.pdf")

    def _make_questions(self) -> None:
        """Three questions that Cleo holds, each with a draft that cites a number."""
        self.questions, self.citations, self.proven = {}, {}, {}
        cleo = self.people["cleo"]
        point = MetricPoint.objects.filter(metric__asset__key="flights_rate").first()
        assert point is not None
        for kind, asker, fields in (
            ("company", "ada", {}),
            ("marketing", "ada", {"visibility": "team", "on_behalf": self.teams["marketing"]}),
            ("private", "finn", {"visibility": "private"}),
        ):
            question = questions_factory.make_question(self.people[asker], **fields)
            questions_factory.bring(question, "in_progress", lead=cleo, analyst=cleo)
            by = Actor.person(cleo)
            draft = answers.save_draft_answer(question=question, body="It was 12 %.", user=cleo, by=by)
            self.questions[kind] = self.proven[kind] = question
            self.citations[kind] = cite(
                evidence=point.evidence, about=draft.reference, title="The rate", user=cleo, by=by
            )

        self._make_published(cleo, by)

    def _make_published(self, cleo: User, by: Actor) -> None:
        """Two answers that everybody reads, one over a table that finance sees and one over none."""
        for kind, tables in (("published", []), ("finance", [f"lake.operations.{NAMES['finance']}"])):
            question = questions_factory.make_question(self.people["ada"])
            question = questions_factory.bring(question, "answered", lead=cleo, analyst=cleo)
            evidence = Evidence.objects.create(
                sql="SELECT 1", dialect="duckdb", engine="duckdb", tables=tables, row_count=1, duration_ms=1
            )
            self.proven[kind] = question
            self.citations[kind] = cite(
                evidence=evidence, about=("answer", str(question.answer_id)), title="It", user=cleo, by=by
            )

    def _make_evidence(self) -> None:
        """The evidence of two metrics, and what only a draft cites."""
        cleo = self.people["cleo"]
        draft = Evidence.objects.create(
            sql="SELECT 1", dialect="duckdb", engine="duckdb", row_count=1, duration_ms=1
        )
        reference = self.questions["company"].answers.get().reference
        cite(evidence=draft, about=reference, title="It", user=cleo, by=Actor.person(cleo))
        self.evidence = {"draft": draft.pk}
        for kind, name in (("metric", "company"), ("finance_metric", "finance")):
            point = MetricPoint.objects.filter(metric__asset__key=f"{NAMES[name]}_rate").first()
            assert point is not None
            self.evidence[kind] = point.evidence_id

    def _make_discussions(self) -> None:
        cleo = self.people["cleo"]
        self.comments, self.files = {}, {}
        for kind in ("company", "finance", "data", "note", "deleted"):
            name = NAMES.get(kind, NAMES["company"])
            said = discussion_factory.comment(("dataset", name), cleo, internal=kind == "note")
            self.comments[kind] = said
            self.files[kind] = discussion_factory.attachment(cleo, comment=said)
        self.files["waiting"] = discussion_factory.attachment(cleo)
        discussion_factory.delete(self.comments["deleted"], cleo)

    def _thread(self, kind: str) -> dict[str, Any]:
        return {"kind": "dataset", "key": NAMES[kind]}

    def _comment(self, kind: str) -> dict[str, Any]:
        said = self.comments.get(kind)
        return {"pk": said.pk if said else NOBODY}

    def _attachment(self, kind: str) -> dict[str, Any]:
        file = self.files.get(kind)
        return {"pk": file.pk if file else UUID(int=NOBODY)}

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

    def _job_kind(self, kind: str) -> dict[str, Any]:
        return {"kind": kind}

    def _job_version(self, kind: str) -> dict[str, Any]:
        return {"key": KEYS[kind], "number": 1}

    def _schedule(self, kind: str) -> dict[str, Any]:
        schedule = self.schedules.get(kind)
        return {"key": KEYS[kind], "schedule_id": schedule.pk if schedule else NOBODY}

    def _pool(self, kind: str) -> dict[str, Any]:
        return {"key": "default" if kind == "default" else "no-such-pool"}

    def _backfill(self, kind: str) -> dict[str, Any]:
        backfill = self.backfills.get(kind)
        return {"backfill_id": backfill.pk if backfill else NOBODY}

    def _data_trigger(self, kind: str) -> dict[str, Any]:
        trigger = self.triggers.get(kind)
        return {"key": KEYS[kind], "trigger_id": trigger.pk if trigger else NOBODY}

    def _run(self, kind: str) -> dict[str, Any]:
        run = self.runs.get(kind)
        return {"number": run.number if run else NOBODY}

    def _run_id(self, kind: str) -> dict[str, Any]:
        run = self.runs.get(kind)
        return {"run_id": run.pk if run else UUID(int=NOBODY)}

    def _report(self, kind: str) -> dict[str, Any]:
        return {"key": f"report-{kind}"}

    def _report_edition(self, kind: str) -> dict[str, Any]:
        run = self.reports.get(kind)
        return {**self._report(kind), "number": run.number if run else NOBODY}

    def _report_file(self, kind: str) -> dict[str, Any]:
        return {**self._report_edition(kind), "format": "pdf"}

    def _report_cited(self, kind: str) -> dict[str, Any]:
        cited = self.cited.get(kind)
        return {**self._report_edition(kind), "pk": cited.pk if cited else NOBODY}

    def _artifact(self, kind: str) -> dict[str, Any]:
        file = self.artifacts.get(kind)
        return {**self._run(kind), "pk": file.pk if file else UUID(int=NOBODY)}

    def _artifact_of_run(self, kind: str) -> dict[str, Any]:
        return {**self._run_id(kind), "pk": self._artifact(kind)["pk"]}

    def _question(self, kind: str) -> dict[str, Any]:
        question = self.questions.get(kind)
        return {"number": question.number if question else NOBODY}

    def _question_step(self, kind: str) -> dict[str, Any]:
        return {**self._question(kind), "name": "me_too"}

    def _question_citation(self, kind: str) -> dict[str, Any]:
        citation = self.citations.get(kind)
        return {**self._question(kind), "pk": citation.pk if citation else NOBODY}

    def _question_evidence(self, kind: str) -> dict[str, Any]:
        if kind not in self.proven:
            return {"number": self.proven["published"].number, "pk": NOBODY}
        return {"number": self.proven[kind].number, "pk": self.citations[kind].pk}

    def _evidence(self, kind: str) -> dict[str, Any]:
        cited = self.citations.get(kind)
        return {"pk": cited.evidence_id if cited else self.evidence.get(kind, UUID(int=NOBODY))}

    def _query(self, kind: str) -> dict[str, Any]:
        return {"number": self.query.number if kind == "bens" else NOBODY}

    def _peek(self, kind: str) -> dict[str, Any]:
        return {"number": self.peek.number if kind == "dans" else NOBODY}

    def _source_file(self, kind: str) -> dict[str, Any]:
        return {"path": f"{kind}/a.csv"}

    def _secret(self, kind: str) -> dict[str, Any]:
        return {"name": kind}

    def _token(self, kind: str) -> dict[str, Any]:
        token = self.tokens.get(kind)
        return {"pk": token.pk if token else NOBODY}

    def _notification(self, kind: str) -> dict[str, Any]:
        return {"pk": self.dans_notification.pk if kind == "dans" else NOBODY}

    def _delivery(self, kind: str) -> dict[str, Any]:
        return {"pk": self.dans_delivery.pk if kind == "dans" else NOBODY}

    def _webhook(self, kind: str) -> dict[str, Any]:
        endpoint = self.webhooks.get(kind)
        return {"pk": endpoint.pk if endpoint else UUID(int=NOBODY)}

    _own_webhook = _webhook

    def _webhook_delivery(self, kind: str) -> dict[str, Any]:
        event = self.events.get(kind)
        return {**self._webhook(kind), "delivery": event.pk if event else NOBODY}

    def _session(self, kind: str) -> dict[str, Any]:
        return {"pk": self.dans_session.pk if kind == "dans" else NOBODY}

    def _view(self, kind: str) -> dict[str, Any]:
        return {"pk": self.dans_view.pk if kind == "dans" else NOBODY}

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
