"""The kind ``airflow_dag``: start a DAG of an Airflow 3, and follow it there without holding a worker."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, field_validator

from jobs.choices import ErrorClass
from jobs.exceptions import SecretMissing, SecretStays
from jobs.models import Attempt, Job, Run
from jobs.runners.airflow_api import Airflow, AirflowError
from jobs.runners.base import Context, Elsewhere, Step
from jobs.runners.http import HttpError, HttpHeader, header_value
from portal.outgoing import Mistyped, check_url
from portal.said import in_a_row, said, said_of

SYSTEM: Final = "Airflow"
# The first look comes after so many seconds; each pause is twice the one before.
FIRST_PAUSE: Final = 2.0
# Tasks whose changes the log tells; of more only their number is told.
TASKS_TOLD: Final = 200
NAMED: Final = 10
_DONE: Final = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class Token(BaseModel):
    """A token that Airflow accepts as it is."""

    model_config = ConfigDict(extra="forbid", title=gettext_noop("Token of Airflow"))

    type: Literal["token"]
    secret: str = Field(
        min_length=1,
        max_length=60,
        title=gettext_noop("Secret with the token"),
        description=gettext_noop("The secret's name, never the token itself."),
        json_schema_extra={"widget": "secret"},
    )


class Password(BaseModel):
    """A user of Airflow, for whom it makes a token at each look."""

    model_config = ConfigDict(extra="forbid", title=gettext_noop("User and password"))

    type: Literal["password"]
    username: str = Field(min_length=1, max_length=200, title=gettext_noop("User"))
    secret: str = Field(
        min_length=1,
        max_length=60,
        title=gettext_noop("Secret with the password"),
        description=gettext_noop("The secret's name, never the password itself."),
        json_schema_extra={"widget": "secret"},
    )


class AirflowDagConfig(BaseModel):
    """Which DAG of which Airflow; the run's parameters go along as its ``conf``."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        title=gettext_noop("Address of Airflow"),
        description=gettext_noop("Of its web server, without /api/v2."),
        examples=["https://airflow.example.com"],
    )
    dag_id: str = Field(min_length=1, max_length=250, title=gettext_noop("ID of the DAG"))
    sign_in: Annotated[Password | Token, Field(discriminator="type")] = Field(
        title=gettext_noop("How Data Desk signs in there")
    )
    conf: dict[str, Any] = Field(
        default={},
        title=gettext_noop("Fixed configuration"),
        description=gettext_noop("JSON that each DAG run gets as conf; the run's parameters go over it."),
    )
    look_every: int = Field(
        default=60,
        ge=1,
        le=3600,
        title=gettext_noop("Longest pause between two looks"),
        description=gettext_noop("Seconds. The first look comes after two, each pause is twice the last."),
    )
    page_url: str = Field(
        default="",
        max_length=500,
        title=gettext_noop("Address of Airflow for people"),
        description=gettext_noop("Where the link to the DAG run leads, if not to the address above."),
    )
    patience: int = Field(
        default=20,
        ge=1,
        le=60,
        title=gettext_noop("Time limit of a call"),
        description=gettext_noop("Seconds."),
    )

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.query or parts.fragment:
            raise ValueError(said("the address ends before any ? or #"))
        if parts.path.rstrip("/").endswith(("/api", "/api/v2")):
            raise ValueError(said("the address is the web server's, without /api/v2"))
        try:
            check_url(url)
        except Mistyped as error:
            raise ValueError(said_of(error)) from None
        return url.rstrip("/")

    @field_validator("page_url")
    @classmethod
    def _is_a_page(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.username):
            raise ValueError(said("the address begins with https:// and a host"))
        return url.rstrip("/")


class DagRunGone(AirflowError):
    """Airflow answers, and knows no such DAG run any more."""

    def __init__(self, run_id: str) -> None:
        message = said(
            "Airflow does not know the DAG run %(run)s (any more): was it deleted there?", run=run_id
        )
        super().__init__(message, ErrorClass.REFUSED)


class AirflowDagRunner:
    """One DAG run for each run, by an id that every attempt and every look knows."""

    Config: type[BaseModel] = AirflowDagConfig
    label = _("Airflow DAG")
    icon = "split"
    confined = False
    docs = _(
        "Starts a DAG of Airflow 3 and follows it to its end. Meanwhile no worker is held. The parameters go "
        "along as conf; a cancel stops the DAG run too."
    )

    def steps(self, job: Job) -> list[Step]:
        """Return the two steps: ours and Airflow's."""
        return [Step("start", _("Start the DAG")), Step("wait", _("Airflow works"))]

    def run(self, context: Context) -> dict[str, Any] | Elsewhere:
        """Start the DAG run, unless an earlier attempt did, and leave it to Airflow."""
        if _may_have_begun(context):
            return self.follow(context, _again(context, {"unsure": True}))
        return _start(context, _airflow(context))

    def follow(self, context: Context, elsewhere: Elsewhere) -> dict[str, Any] | Elsewhere:
        """Look how far the DAG run is."""
        memo = dict(elsewhere.memo)
        with _telling_what_may_go_on(context):
            try:
                return self._follow(context, _airflow(context), memo)
            except AirflowError as error:
                if not error.may_pass:
                    raise
                return _unreachable(context, memo, error)

    def stop(self, context: Context, elsewhere: Elsewhere | None) -> dict[str, Any] | Elsewhere | None:
        """Have Airflow stop the DAG run; what had ended by itself keeps its end."""
        config: AirflowDagConfig = context.config
        memo = dict(elsewhere.memo) if elsewhere else {}
        with _telling_what_may_go_on(context):
            airflow = _airflow(context)
            try:
                found = airflow.dag_run(config.dag_id, run_id_of(context))
                if found is not None and found["state"] in {"success", "failed"}:
                    return self._follow(context, airflow, memo)
                if found is None:
                    context.log.info("DAG %s: there is no run to stop", config.dag_id)
                else:
                    airflow.stop(config.dag_id, run_id_of(context))
                    context.log.info("DAG %s: Airflow was told to stop the run", config.dag_id)
            except AirflowError as error:
                if not error.may_pass:
                    raise
                return _unreachable(context, memo, error)
        return None

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep all of it."""
        return outputs

    def _follow(self, context: Context, airflow: Airflow, memo: dict[str, Any]) -> dict[str, Any] | Elsewhere:
        config: AirflowDagConfig = context.config
        found = airflow.dag_run(config.dag_id, run_id_of(context))
        if found is None and memo.get("unsure"):
            return _start(context, airflow)
        if found is None:
            raise DagRunGone(run_id_of(context))
        if memo.pop("silent", False):
            context.log.info("Airflow answers again")
        if memo.pop("unsure", False):
            _tell_started(context, before=True)
        tasks = _tasks(context, airflow, memo)
        if found["state"] == "failed":
            raise AirflowError(_why_failed(tasks), ErrorClass.FAILED_THERE)
        if found["state"] == "success":
            context.end_step("wait")
            seconds = found.get("duration")
            took = {"seconds": round(seconds, 3)} if isinstance(seconds, int | float) else {}
            return {"dag_run": run_id_of(context), "tasks": len(tasks), **took}
        if found["state"] == "queued":
            _tell_paused(context, airflow, memo)
        return _again(context, memo)


def run_id_of(context: Context) -> str:
    """Return what the DAG run of this run is called in Airflow: the same in each attempt."""
    return f"data-desk-{context.run_id}"


def _may_have_begun(context: Context) -> bool:
    """Say whether an earlier attempt may have started the DAG run without anybody hearing of it.

    One that Airflow refused, or that did not reach it, ended before it asked for the start.
    """
    if context.looks:
        return True
    told = (ErrorClass.ELSEWHERE, ErrorClass.REFUSED)
    earlier = Attempt.objects.filter(run_id=context.run_id, fence__lt=context.fence)
    return earlier.exclude(error_class__in=told).exists()


def _start(context: Context, airflow: Airflow) -> Elsewhere:
    """Ask Airflow for the DAG run; without an answer the next look finds out whether there is one."""
    config: AirflowDagConfig = context.config
    context.begin_step("start")
    _check_dag(airflow, config.dag_id)
    try:
        new = airflow.trigger(config.dag_id, run_id_of(context), {**config.conf, **context.params})
    except AirflowError as error:
        if not error.may_pass:
            raise
        context.log.warning(
            "DAG %s: the start of run %s was not answered, so it is looked for. %s",
            config.dag_id,
            run_id_of(context),
            error,
        )
        return _again(context, {"unsure": True})
    _tell_started(context, before=not new)
    return _again(context, {})


def _tell_started(context: Context, *, before: bool) -> None:
    how = "was started before; it is followed" if before else "is started"
    context.log.info("DAG %s: run %s %s", context.config.dag_id, run_id_of(context), how)
    context.end_step("start")
    context.begin_step("wait")


@contextmanager
def _telling_what_may_go_on(context: Context) -> Iterator[None]:
    """Have an error that ends the run say what to look for in Airflow, which nobody here can ask any more."""
    try:
        yield
    except (AirflowError, HttpError, SecretMissing, SecretStays) as error:
        kind = ErrorClass(error.error_class)
        if kind == ErrorClass.FAILED_THERE or isinstance(error, DagRunGone):
            raise
        words = said(
            "The DAG run %(run)s of the DAG %(dag)s may go on in Airflow: look for it there, and stop it if "
            "nobody needs it.",
            run=run_id_of(context),
            dag=context.config.dag_id,
        )
        context.log.warning("%s", words)
        raise AirflowError(in_a_row(said_of(error), words), kind) from error


def _airflow(context: Context) -> Airflow:
    config: AirflowDagConfig = context.config
    if isinstance(config.sign_in, Token):
        header = HttpHeader(name="X", secret=config.sign_in.secret)
        sign_in = {"token": header_value(header, context, config.url)}
    else:
        password = context.secret(config.sign_in.secret, host=config.url)
        sign_in = {"username": config.sign_in.username, "password": password}
    return Airflow(config.url, sign_in=sign_in, patience=config.patience)


def _again(context: Context, memo: dict[str, Any]) -> Elsewhere:
    config: AirflowDagConfig = context.config
    parts = (quote(part, safe="") for part in (config.dag_id, run_id_of(context)))
    url = "{}/dags/{}/runs/{}".format(config.page_url or config.url, *parts)
    pause = min(FIRST_PAUSE * 2 ** min(context.looks, 20), float(config.look_every))
    return Elsewhere(SYSTEM, run_id_of(context), url, memo, after=pause)


def _unreachable(context: Context, memo: dict[str, Any], error: AirflowError) -> Elsewhere:
    """Go on following whoever does not answer for a while; say so once."""
    if not memo.get("silent"):
        context.log.warning(
            "%s It is asked again for a while; until then nobody knows how the DAG run %s of the DAG %s is.",
            error,
            run_id_of(context),
            context.config.dag_id,
        )
    context.progress(memo.get("fraction"), "it does not answer and is asked again")
    return _again(context, {**memo, "silent": True})


def _check_dag(airflow: Airflow, dag_id: str) -> None:
    try:
        dag = airflow.dag(dag_id)
    except AirflowError as error:
        if error.status != 404 or error.may_pass:
            raise
        message = said(
            "Airflow does not know the DAG '%(dag)s': mend the ID or the address, or have Airflow load the "
            "DAG's file.",
            dag=dag_id,
        )
        raise AirflowError(message, ErrorClass.REFUSED, 404) from error
    if dag.get("is_paused"):
        message = said(
            "The DAG '%(dag)s' is paused in Airflow: it would not start. Unpause it there, run this again.",
            dag=dag_id,
        )
        raise AirflowError(message, ErrorClass.REFUSED)


def _tell_paused(context: Context, airflow: Airflow, memo: dict[str, Any]) -> None:
    """Say once that a DAG was paused before its run began: Airflow leaves that queued."""
    if memo.get("paused") or context.looks < 2:
        return
    if airflow.dag(context.config.dag_id).get("is_paused"):
        memo["paused"] = True
        context.log.warning("The DAG is paused in Airflow: its run waits there until somebody unpauses it.")


def _tasks(context: Context, airflow: Airflow, memo: dict[str, Any]) -> dict[str, str]:
    """Tell how far the tasks are and which of them changed; return their states by name."""
    try:
        found = dict(airflow.tasks(context.config.dag_id, run_id_of(context)))
    except AirflowError as error:
        if error.may_pass:
            raise
        if not memo.get("hidden"):
            context.log.warning(
                "The tasks cannot be read, so only the DAG run's state is followed. %s", error
            )
        memo["hidden"] = True
        return {}
    before, told = memo.get("tasks") or {}, dict(list(found.items())[:TASKS_TOLD])
    for name, state in told.items():
        if state and before.get(name) != state:
            context.log.log(_LEVELS.get(state, 20), "task %s: %s", name, state)
    memo["tasks"] = told
    done = Counter(state in _DONE for state in found.values())[True]
    if found:
        memo["fraction"] = round(done / len(found), 3)
        context.progress(memo["fraction"], f"{done} of {len(found)} tasks")
    return found


# Levels of logging.
_LEVELS: Final = {"failed": 40, "upstream_failed": 30, "up_for_retry": 30}


def _why_failed(tasks: dict[str, str]) -> str:
    failed = [name for name, state in tasks.items() if state == "failed"]
    if not failed:
        return said("The DAG run failed in Airflow.")
    named = ", ".join(failed[:NAMED])
    if len(failed) > NAMED:
        more = len(failed) - NAMED
        return said("The DAG run failed in Airflow, at: %(tasks)s and %(more)s more.", tasks=named, more=more)
    return said("The DAG run failed in Airflow, at: %(tasks)s.", tasks=named)
