"""The line of a question in a list, drawn in Python: a page has so many that a template would be slow."""

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.ui.templatetags.desk import ago, icon, mark, moment, ring, state, who
from requests_app.choices import Visibility
from requests_app.due import Due
from requests_app.models import DataRequest
from requests_app.rows import Row

register = template.Library()
_NOTHING = SafeString("")
# Below this importance a question wears its priority.
_URGENT = 2
_LINE = (
    '<li>{}<span class="key">{}</span>{}'
    '<span class="title"><a class="main-link" href="{}">{}</a>{}</span>'
    '<span class="who-asks hide-s">{}</span><span class="who-answers hide-s">{}</span>{}</li>'
)


@register.simple_tag
def question_row(row: Row, selectable: bool = False) -> SafeString:
    """Draw one question of a list; ``selectable`` puts a box before it, for steps with several at once."""
    question = row.question
    return format_html(
        _LINE,
        _pick(question) if selectable else _NOTHING,
        question.label,
        state(question.tone, row.state),
        reverse("question", args=[question.number]),
        question.title,
        _badges(question),
        who(question.requester.name),
        who(question.assignee.name) if question.assignee else _nobody(_("nobody yet")),
        due(row.due) if row.due else _when(question),
    )


@register.simple_tag
def due(value: Due | None) -> SafeString:
    """Draw a deadline: the ring of the time that has passed, and how much is left."""
    if value is None:
        return SafeString('<span class="due"></span>')
    drawing = _NOTHING
    if value.fraction is not None:
        drawing = ring(value.fraction, value.tone)
    elif value.tone == "bad":
        drawing = mark("bad")
    return format_html(
        '<span class="due t-{}{}"{}>{}{}</span>',
        value.tone,
        " loud" if value.loud else "",
        format_html(' title="{}"', moment(value.at)) if value.at else "",
        drawing,
        value.text,
    )


def _pick(question: DataRequest) -> SafeString:
    return format_html(
        '<label class="pick"><input type="checkbox" name="number" value="{}" form="bulk" data-pick>'
        '<span class="sr">{}</span></label>',
        question.number,
        _("Select %(number)s") % {"number": question.label},
    )


def _badges(question: DataRequest) -> SafeString:
    found = _NOTHING
    if question.priority <= _URGENT and question.is_open:
        tone = "bad" if question.priority == 1 else "warn"
        found += format_html(' <span class="badge t-{}">P{}</span>', tone, question.priority)
    if question.visibility == Visibility.PRIVATE:
        found += format_html(' <span class="badge">{}{}</span>', icon("lock"), _("Private"))
    return found


def _nobody(words: str) -> SafeString:
    return format_html('<span class="faint">{}</span>', words)


def _when(question: DataRequest) -> SafeString:
    at = question.closed_at or question.answered_at or question.created_at
    return format_html('<span class="due muted">{}</span>', ago(at))
