"""The lines of jobs and of runs, drawn in Python: a page has so many that a template would be slow."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from jobs.charts import runs_at
from jobs.choices import RunState, Trigger
from jobs.history import Past
from jobs.job_rows import JobRow
from jobs.models import Run
from jobs.run_rows import apart, first_line
from portal.languages import spoken
from portal.ui.templatetags.desk import ago, csrf_field, duration, icon, moment, state, who

register = template.Library()
_NOTHING = SafeString("")
_JOB = (
    '<tr><th scope="row" class="grow"><span class="job-name">{}<span><a class="main-link" href="{}">{}</a>'
    ' <span class="key">{}</span><span class="only-s times">{}</span></span></span></th>'
    '<td><span class="last-run">{}</span></td>'
    '<td class="hide-s">{}</td><td class="muted hide-s">{}</td><td class="hide-s">{}</td>'
    '<td class="num">{}</td></tr>'
)
_RUN = (
    '<tr><td><a class="main-link" href="{}">{}</a></td><td>{}<span class="only-s told">{}</span></td>'
    '<td class="hide-s">{}</td><td class="grow told hide-s">{}</td><td class="muted hide-s">{}</td>'
    '<td class="num">{}</td><td class="num muted">{}</td></tr>'
)
_RUN_OF_ANY = (
    '<tr><td><a class="main-link" href="{}">{}</a></td><td class="of-job"><a class="link" href="{}">{}</a>'
    '<span class="only-s told">{}<span>{} · {}</span></span></td><td>{}</td>'
    '<td class="grow told hide-s">{}</td><td class="hide-s">{}</td><td class="muted hide-s">{}</td>'
    '<td class="num">{}</td></tr>'
)
_TOOK = (
    '<tr><th scope="row"><a class="link" href="{}{}/">{}</a></th>'
    '<td>{}</td><td>{}</td><td class="num">{}</td></tr>'
)
_ASKS = '<a class="btn small" href="{}" aria-label="{}">{}<span class="hide-s">{}</span></a>'
_RUNS = (
    '<form method="post" action="{}">{}{}<button type="submit" class="btn small" aria-label="{}">{}'
    '<span class="hide-s">{}</span></button></form>'
)


@register.simple_tag(takes_context=True)
def job_rows(context: template.Context, rows: Iterable[JobRow]) -> SafeString:
    """Draw the jobs of the list; the page's token and ``once`` go into what starts them."""
    token = csrf_field(context)
    once = format_html('<input type="hidden" name="once" value="{}">', context["once"])
    return SafeString("".join(_job_row(row, token, once) for row in rows))


@register.simple_tag
def run_rows(runs: Iterable[Run]) -> SafeString:
    """Draw the runs of a job."""
    at = runs_at()
    return format_html_join("", _RUN, (_run_cells(run, at) for run in runs))


@register.simple_tag
def all_run_rows(runs: Iterable[Run]) -> SafeString:
    """Draw runs of any jobs."""
    at = runs_at()
    return format_html_join("", _RUN_OF_ANY, (_cells_with_job(run, at) for run in runs))


@register.simple_tag
def took_rows(measured: Sequence[tuple[Past, timedelta]]) -> SafeString:
    """Draw how long runs took, as the table beside the bars."""
    how = (get_language(), timezone.get_current_timezone_name())
    return SafeString(
        "".join(_took_row(run.number, run.state, run.started_at, took, how) for run, took in measured)
    )


@lru_cache(4096)
def _took_row(
    number: int, state_: str, started_at: datetime | None, took: timedelta, _how: tuple[str | None, str]
) -> SafeString:
    label = RunState(state_).label
    return format_html(_TOOK, runs_at(), number, number, label, moment(started_at), duration(took))


@lru_cache(4096)
def _at(name: str, of: str) -> str:
    return reverse(name, args=[of])


def _job_row(row: JobRow, token: SafeString, once: SafeString) -> SafeString:
    job = row.job
    return format_html(
        _JOB,
        icon(row.kind.icon),
        _at("job", job.key),
        job.name,
        job.key,
        _times(row),
        _last_run(row),
        format_html('<span class="mini">{}</span>', row.history) if row.history else _NOTHING,
        _next_start(row),
        who(job.owner.name) if job.owner else spoken(job.team, "name") if job.team else _NOTHING,
        _run_now(row, token, once) if row.may_run and job.enabled else _NOTHING,
    )


def _last_run(row: JobRow) -> SafeString:
    last = row.last
    if not row.job.enabled:
        return state("neutral", _("Switched off"))
    if last is None:
        return format_html('<span class="muted">{}</span>', _("never"))
    when: str = _when(last)
    if last.finished_at and last.duration:
        when = format_html("{}, {}", when, duration(last.duration))
    return format_html(
        '<a href="{}{}/">{}</a> <span class="muted hide-s">{}</span>',
        runs_at(),
        last.number,
        state(last.tone, last.label),
        when,
    )


def _when(last: Past) -> str:
    """Return when a run ended, or began where it still goes on; nothing of one that waits."""
    at = last.finished_at or last.started_at
    return ago(at) if at else _NOTHING


def _times(row: JobRow) -> SafeString:
    """Draw both times as one line, for pages too narrow for their columns."""
    coming = _("next start: {when}") if row.next_slot else "{when}"
    words = [_when(row.last) if row.last else _NOTHING]
    words += [format_html(coming, when=_next_start(row))] if row.job.enabled else []
    return format_html_join(" · ", "{}", ((word,) for word in words if word))


def _next_start(row: JobRow) -> str:
    if row.next_slot:
        return ago(row.next_slot)
    if row.paused:
        return _("paused")
    if row.after:
        return _("after %(name)s") % {"name": row.after}
    return _("by hand")


def _run_now(row: JobRow, token: SafeString, once: SafeString) -> SafeString:
    url, label = _at("job_run", row.job.key), _("Run now: %(name)s") % {"name": row.job.name}
    if row.asks:
        return format_html(_ASKS, url, label, icon("play"), _("Run now"))
    return format_html(_RUNS, url, token, once, label, icon("play"), _("Run now"))


def _run_cells(run: Run, at: str) -> tuple[object, ...]:
    by = run.requested_by
    told = _told(run)
    # Not by get_…_display: it builds a dictionary of all choices at each call.
    return (
        f"{at}{run.number}/",
        run.number,
        state(run.tone, str(RunState(run.state).label)),
        told,
        who(by.name) if by is not None and not run.origin_id else Trigger(run.trigger).label,
        told,
        run.attempt,
        duration(run.duration),
        ago(run.created_at),
    )


def _cells_with_job(run: Run, at: str) -> tuple[object, ...]:
    told, when, began = _told(run), ago(run.started_at or run.created_at), Trigger(run.trigger).label
    by = run.requested_by if not run.origin_id else None
    return (
        *(f"{at}{run.number}/", run.number, _at("job", run.job.key), run.job.name),
        *(told, by.name if by else began, when),
        state(run.tone, str(RunState(run.state).label)),
        told,
        who(by.name, "" if run.trigger == Trigger.MANUAL else began) if by else began,
        *(when, duration(run.duration)),
    )


def _told(run: Run) -> SafeString:
    """Draw what tells a run apart, and below it what went wrong."""
    lines = ((apart(run), ""), (first_line(run), " wrong"))
    return format_html_join(
        "", '<span class="cut{}" title="{}">{}</span>', ((tone, line, line) for line, tone in lines if line)
    )
