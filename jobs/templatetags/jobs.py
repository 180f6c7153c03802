"""The lines of jobs and of runs, drawn in Python: a page has so many that a template would be slow."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache
from html import escape

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from jobs.charts import runs_at
from jobs.choices import RunState, Trigger, labels_of_states
from jobs.history import Past
from jobs.job_rows import JobRow
from jobs.models import Run
from jobs.run_rows import apart, first_line
from portal.ui.templatetags.desk import ago, csrf_field, duration, icon, moment, state, who

register = template.Library()
register.filter(first_line)
_RUN_OF_ANY = (
    '<tr><td><a class="main-link" href="{}">{}</a></td><td class="of-job"><a class="link" href="{}">{}</a>'
    '<span class="only-s told">{}<span>{} · {}</span></span></td><td>{}</td>'
    '<td class="grow told hide-s">{}</td><td class="hide-s">{}</td><td class="muted hide-s">{}</td>'
    '<td class="num">{}</td></tr>'
)


@register.simple_tag(takes_context=True)
def job_rows(context: template.Context, rows: Iterable[JobRow]) -> SafeString:
    """Draw the jobs of the list; the page's token and ``once`` go into what starts them."""
    once = format_html('{}<input type="hidden" name="once" value="{}">', csrf_field(context), context["once"])
    return SafeString("".join(_job_row(row, once) for row in rows))


@register.simple_tag
def run_rows(runs: Iterable[Run]) -> SafeString:
    """Draw the runs of a job."""
    at, states = runs_at(), labels_of_states()
    return SafeString("".join(_run_row(run, at, states[run.state]) for run in runs))


@register.simple_tag
def all_run_rows(runs: Iterable[Run]) -> SafeString:
    """Draw runs of any jobs."""
    at = runs_at()
    return format_html_join("", _RUN_OF_ANY, (_cells_with_job(run, at) for run in runs))


@register.simple_tag
def took_rows(measured: Sequence[tuple[Past, timedelta]]) -> SafeString:
    """Draw how long runs took, as the table beside the bars."""
    at, states = runs_at(), labels_of_states()
    return SafeString(
        "".join(
            f'<tr><th scope="row"><a class="link" href="{at}{run.number}/">{run.number}</a></th>'
            f"<td>{escape(states[run.state])}</td><td>{moment(run.started_at)}</td>"
            f'<td class="num">{duration(took)}</td></tr>'
            for run, took in measured
        )
    )


@lru_cache(4096)
def _at(name: str, of: str) -> str:
    return reverse(name, args=[of])


# Below, whatever comes from people or from a translation is escaped where it is put in: format_html, which
# asks each time what is safe already, would take longer than all the rest of a row.
def _job_row(row: JobRow, once: SafeString) -> str:
    job, name = row.job, escape(row.job.name)
    when, next_start = _when(row.last), _next_start(row)
    by = who(row.owner) if row.owner else escape(row.team)
    history = f'<span class="mini">{row.history}</span>' if row.history else ""
    run_now = _run_now(row, name, once) if row.may_run and job.enabled else ""
    return (
        f'<tr><th scope="row" class="grow"><span class="job-name">{icon(row.kind.icon)}<span>'
        f'<a class="main-link" href="{_at("job", job.key)}">{name}</a>'
        f' <span class="key">{escape(job.key)}</span>'
        f'<span class="only-s times">{_times(row, when, next_start)}</span></span></span></th>'
        f'<td><span class="last-run">{_last_run(row, when)}</span></td>'
        f'<td class="hide-s">{history}</td><td class="muted hide-s">{next_start}</td>'
        f'<td class="hide-s">{by}</td><td class="num">{run_now}</td></tr>'
    )


def _last_run(row: JobRow, when: str) -> str:
    last = row.last
    if not row.job.enabled:
        return state("neutral", _("Switched off"))
    if last is None:
        return f'<span class="muted">{escape(_("never"))}</span>'
    if last.finished_at and last.duration:
        when = f"{when}, {duration(last.duration)}"
    return (
        f'<a href="{runs_at()}{last.number}/">{state(last.tone, last.label)}</a>'
        f' <span class="muted hide-s">{when}</span>'
    )


def _when(last: Past | None) -> str:
    """Return when a run ended, or began where it still goes on; nothing of one that waits."""
    at = (last.finished_at or last.started_at) if last else None
    return ago(at) if at else ""


def _times(row: JobRow, when: str, next_start: str) -> str:
    """Draw both times as one line, for pages too narrow for their columns."""
    coming = escape(_("next start: {when}")).format(when=next_start) if row.next_slot else next_start
    return " · ".join(filter(None, (when, coming if row.job.enabled else "")))


def _next_start(row: JobRow) -> str:
    if row.next_slot:
        return ago(row.next_slot)
    if row.paused:
        return escape(_("paused"))
    if row.after:
        return escape(_("after %(name)s") % {"name": row.after})
    return escape(_("by hand"))


def _run_now(row: JobRow, name: str, once: SafeString) -> str:
    url, words = escape(_at("job_run", row.job.key)), escape(_("Run now"))
    label = escape(_("Run now: %(name)s")) % {"name": name}
    button = f'aria-label="{label}">{icon("play")}<span class="hide-s">{words}</span>'
    if row.asks:
        return f'<a class="btn small" href="{url}" {button}</a>'
    return (
        f'<form method="post" action="{url}">{once}<button type="submit" class="btn small" {button}'
        "</button></form>"
    )


def _run_row(run: Run, at: str, label: str) -> str:
    by = run.requested_by if not run.origin_id else None
    told = _told(run)
    # Not by get_…_display: it builds a dictionary of all choices at each call.
    began = escape(str(Trigger(run.trigger).label))
    if by:
        began = who(by.name, "" if run.trigger == Trigger.MANUAL else began)
    return (
        f'<tr><td><a class="main-link" href="{at}{run.number}/">{run.number}</a></td>'
        f'<td>{state(run.tone, label)}<span class="only-s told">{told}</span></td>'
        f'<td class="hide-s">{began}</td><td class="grow told hide-s">{told}</td>'
        f'<td class="muted hide-s">{run.attempt}</td>'
        f'<td class="num">{duration(run.duration)}</td><td class="num muted">{ago(run.created_at)}</td></tr>'
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
    lines = ((escape(apart(run)), ""), (escape(first_line(run)), " wrong"))
    return SafeString(
        "".join(f'<span class="cut{tone}" title="{line}">{line}</span>' for line, tone in lines if line)
    )
