"""The form of a step: a field for each name in the row's ``needs`` and ``may``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.filters import search
from catalog.models import Asset
from jobs.models import Job
from portal.accounts.models import Team, User
from portal.accounts.permissions import ROLE_PERMISSIONS, Permission
from portal.events import Reference, nodes
from requests_app import moment
from requests_app.choices import (
    AnswerStatus,
    BlockReason,
    Confidence,
    DeclineReason,
    Kind,
    Level,
    LinkRole,
    Outcome,
    Priority,
    ValueKind,
    Visibility,
    WakeOn,
)
from requests_app.models import Answer, DataRequest, Pool
from requests_app.routing import candidates
from requests_app.step_words import words_of
from requests_app.transitions import Transition

EFFORTS: Final = (
    (1, gettext_lazy("An hour or two")),
    (2, gettext_lazy("Half a day")),
    (3, gettext_lazy("A day")),
    (5, gettext_lazy("A few days")),
    (8, gettext_lazy("A week or more")),
)
# The things a question may be linked to, by how their addresses begin.
_ADDRESSES: Final = {
    "dataset": re.compile(r"/catalog/datasets/([^/?#]+)/"),
    "metric": re.compile(r"/catalog/metrics/([^/?#]+)/"),
    "job": re.compile(r"/jobs/([^/?#]+)/"),
    "question": re.compile(r"/requests/(\d{1,18})/"),
}
_NUMBER: Final = re.compile(r"(?:REQ-|#)?(\d{1,18})", re.IGNORECASE)
_ANSWERING: Final = [
    str(role) for role, granted in ROLE_PERMISSIONS.items() if Permission.ANSWER_QUESTIONS in granted
]
_SHORT: Final = {("mark_duplicate", "note"), ("answer_with_existing", "note"), ("withdraw", "note")}
_MORNING: Final = time(9)
_SUGGESTED: Final = 200


def answerers() -> QuerySet[User]:
    """Return the active people who may answer questions, by name."""
    return User.objects.filter(is_active=True, roles__overlap=_ANSWERING).order_by("name", "pk")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A thing to choose: «metric:on_time» and its name."""

    reference: str
    label: str


def suggested_things(question: DataRequest, user: User) -> list[Suggestion]:
    """Return the metrics, datasets and jobs that this person sees, those first that fit the question."""
    assets = [hit.asset for hit in search(Asset.objects.visible_to(user), question.title, most=20).hits]
    known = {(asset.kind, asset.key): asset.name for asset in assets}
    for asset in Asset.objects.visible_to(user).order_by("name_en")[:_SUGGESTED]:
        known.setdefault((asset.kind, asset.key), asset.name)
    for job in Job.objects.visible_to(user).order_by("name_en")[:_SUGGESTED]:
        known["job", job.key] = job.name
    return [Suggestion(f"{kind}:{key}", name) for (kind, key), name in known.items()]


def suggested_people() -> list[User]:
    """Return people to choose from while one types; whoever is not among them can be typed in full."""
    return list(User.objects.filter(is_active=True).order_by("name", "pk")[:_SUGGESTED])


class QuestionField(forms.CharField):
    """A question by its number («REQ-1987», «1987» or its address), as far as the person may see it."""

    def __init__(self, user: User, **kwargs: Any) -> None:
        super().__init__(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}), **kwargs)
        self.user = user

    def clean(self, value: Any) -> DataRequest | None:
        """Return the question."""
        text = str(super().clean(value)).strip()
        if not text:
            return None
        found = _NUMBER.fullmatch(text) or _ADDRESSES["question"].search(text)
        visible = DataRequest.objects.visible_to(self.user).select_related("answer", "canonical")
        question = visible.filter(number=int(found[1])).first() if found else None
        if question is None:
            raise ValidationError(_("There is no question of this number that you may see."))
        return question


class AnswerField(QuestionField):
    """An answer, by the number of the question it answered; only a verified one answers again."""

    def clean(self, value: Any) -> Answer | None:  # type: ignore[override]
        """Return the answer."""
        question = super().clean(value)
        if question is None:
            return None
        if question.answer is None or question.answer.status != AnswerStatus.VERIFIED:
            raise ValidationError(_("That question has no answer which a second person has checked."))
        return question.answer


class ThingField(forms.CharField):
    """Something of the portal, by «kind:key» or by its address, as far as the person may see it."""

    def __init__(self, user: User, **kwargs: Any) -> None:
        listed = forms.TextInput(attrs={"autocomplete": "off", "list": "things"})
        super().__init__(max_length=500, widget=listed, **kwargs)
        self.user = user

    def clean(self, value: Any) -> Reference | None:
        """Return the reference."""
        text = str(super().clean(value)).strip()
        if not text:
            return None
        reference = reference_of(text)
        if reference is None or not nodes.resolve([reference], self.user):
            raise ValidationError(
                _("Nothing is found here. Choose from the list, or paste a page’s address.")
            )
        return reference


def reference_of(text: str) -> Reference | None:
    """Return what is named by «metric:on_time», «REQ-12» or a pasted address; None for nothing."""
    for kind, pattern in _ADDRESSES.items():
        if found := pattern.search(text):
            return kind, found[1]
    kind, colon, key = text.partition(":")
    if colon and kind in _ADDRESSES and key.strip():
        return kind, key.strip()
    number = _NUMBER.fullmatch(text)
    return ("question", number[1]) if number else None


class PersonField(forms.CharField):
    """Somebody by name or e-mail."""

    def clean(self, value: Any) -> User | None:
        """Return the person."""
        text = str(super().clean(value)).strip()
        if not text:
            return None
        found = list(User.objects.filter(Q(email=text.lower()) | Q(name__iexact=text), is_active=True)[:2])
        if len(found) > 1:
            raise ValidationError(_("Several people bear this name. Write the e-mail address."))
        if not found:
            raise ValidationError(_("Nobody here bears this name or address."))
        return found[0]


class ColleagueField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Somebody who may answer, each with what they hold already."""

    def __init__(self, *, but: User | None = None, **kwargs: Any) -> None:
        people = answerers() if but is None else answerers().exclude(pk=but.pk)
        super().__init__(people, **kwargs)
        self._people = people
        self._held: dict[int, str] | None = None

    def label_from_instance(self, person: Any) -> str:
        """Say name, load and absence."""
        if self._held is None:
            line = candidates(list(self._people.values_list("pk", flat=True)))
            self._held = {each.user.pk: _holds(each) for each in line}
        return f"{person.name} · {self._held.get(person.pk, '')}".rstrip(" ·")


def _holds(candidate: Any) -> str:
    if candidate.absent:
        return _("away")
    return _("holds %(held)s of %(limit)s") % {"held": candidate.held, "limit": candidate.wip_limit}


def ends_of_snooze(user: User) -> dict[str, tuple[Promise, date]]:
    """Return the usual ends of a snooze, in the person's own days."""
    today = moment.today(user.time_zone)
    return {
        "tomorrow": (gettext_lazy("Tomorrow at 9"), today + timedelta(days=1)),
        "monday": (gettext_lazy("Monday at 9"), today + timedelta(days=7 - today.weekday())),
        "week": (gettext_lazy("In a week"), today + timedelta(days=7)),
        "month": (gettext_lazy("In 30 days"), today + timedelta(days=30)),
    }


class StepForm(forms.Form):
    """What one step asks for; ``values`` are the action's arguments once the form is valid."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        row: Transition,
        question: DataRequest,
        user: User,
        data: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        initial = {"version": question.version, **initial_of(row, question), **kwargs.pop("initial", {})}
        super().__init__(data, initial=initial, **kwargs)
        self.row, self.question, self.user = row, question, user
        for name in (*row.needs, *row.may):
            label, help_text = words_of(row.name, name)
            required = name in row.needs
            self.fields[name] = _BUILDERS[name](self, required=required, label=label, help_text=help_text)
            if (row.name, name) in _SHORT:
                self.fields[name].widget.attrs["rows"] = 3
        if "until" in row.needs:
            self.fields["until_day"] = _day_field(self, required=False, label=_("On a day"), help_text="")

    @property
    def rows(self) -> list[forms.BoundField]:
        """The fields to show, those that must be filled first."""
        day = ("until_day",) if "until_day" in self.fields else ()
        return [self[name] for name in (*self.row.needs, *day, *self.row.may)]

    def clean(self) -> dict[str, Any]:
        """Turn the end of a snooze into a moment."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "until" in cleaned:
            day = cleaned.get("until_day")
            if cleaned["until"] != "day":
                day = ends_of_snooze(self.user)[cleaned["until"]][1]
            if day is None:
                self.add_error("until_day", _("Choose a day."))
            else:
                cleaned["until"] = datetime.combine(day, _MORNING, ZoneInfo(self.user.time_zone))
        return cleaned

    @property
    def values(self) -> dict[str, Any]:
        """What was entered, by the action's names; what was left empty keeps the action's own default.

        Only an edit means emptiness: there a text or a date can be taken away.
        """
        names = (*self.row.needs, *self.row.may)
        given = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        if self.row.name == "edit_question":
            return given
        return {name: value for name, value in given.items() if value is not None and value != ""}

    @property
    def seen(self) -> int | None:
        """The version of the question that the person looked at."""
        version: int | None = self.cleaned_data.get("version")
        return version


def initial_of(row: Transition, question: DataRequest) -> dict[str, Any]:
    """Return what stands in the fields at first: what the question says now."""
    now = {
        name: getattr(question, name)
        for name in ("kind", "impact", "urgency", "effort", "title", "body", "decision_needed", "visibility")
    }
    now |= {"decision_by": question.decision_by, "on_behalf": question.on_behalf_id}
    fields = {*row.needs, *row.may}
    return {name: value for name, value in now.items() if name in fields}


Builder = Callable[..., forms.Field]


def _text(_form: StepForm, **kwargs: Any) -> forms.Field:
    return forms.CharField(max_length=300, **kwargs)


def _long(_form: StepForm, **kwargs: Any) -> forms.Field:
    return forms.CharField(max_length=20_000, widget=forms.Textarea(attrs={"rows": 5}), **kwargs)


def _choice(
    choices: Any, *, coerce: Callable[[Any], Any] = str, empty: Any = None, radio: bool = False
) -> Builder:
    def build(_form: StepForm, *, required: bool, **kwargs: Any) -> forms.Field:
        given = [(value, label) for value, label in choices if value != ""]
        offered = given if required or empty is None else [("", empty), *given]
        widget = forms.RadioSelect if radio else forms.Select
        return forms.TypedChoiceField(
            choices=offered, coerce=coerce, empty_value=None, required=required, widget=widget, **kwargs
        )

    return build


def _reason(form: StepForm, **kwargs: Any) -> forms.Field:
    reasons = BlockReason if form.row.name == "block" else DeclineReason
    return forms.ChoiceField(
        choices=[("", _("Choose…")), *(choice for choice in reasons.choices if choice[0])], **kwargs
    )


def _amount(_form: StepForm, **kwargs: Any) -> forms.Field:
    return forms.DecimalField(max_digits=16, decimal_places=2, min_value=0, **kwargs)


def _team(form: StepForm, **kwargs: Any) -> forms.Field:
    wanted = Q(pk__in=form.question.requester.team_ids) | Q(pk=form.question.on_behalf_id)
    return forms.ModelChoiceField(Team.objects.filter(wanted), empty_label=_("Nobody else"), **kwargs)


def _day_field(_form: StepForm, **kwargs: Any) -> forms.Field:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)


def _until(form: StepForm, **kwargs: Any) -> forms.Field:
    usual = [(name, label) for name, (label, _end) in ends_of_snooze(form.user).items()]
    return forms.ChoiceField(choices=[*usual, ("day", _("On a day…"))], **kwargs)


def _person(_form: StepForm, **kwargs: Any) -> forms.Field:
    return PersonField(max_length=254, widget=forms.TextInput(attrs={"list": "people"}), **kwargs)


_BUILDERS: Final[dict[str, Builder]] = {
    "answer": lambda form, **kwargs: AnswerField(form.user, **kwargs),
    "assignee": lambda form, **kwargs: ColleagueField(empty_label=_("Choose…"), **kwargs),
    "blocker": lambda form, **kwargs: ThingField(form.user, **kwargs),
    "body": _long,
    "canonical": lambda form, **kwargs: QuestionField(form.user, **kwargs),
    "confidence": _choice(Confidence.choices, empty=gettext_lazy("Choose…")),
    "decision": _long,
    "decision_by": _day_field,
    "decision_needed": _text,
    "effort": _choice(EFFORTS, coerce=int),
    "helpful": _choice(
        [(5, gettext_lazy("Very")), (4, gettext_lazy("Mostly")), (3, gettext_lazy("Partly")),
         (2, gettext_lazy("Hardly")), (1, gettext_lazy("Not at all"))],
        coerce=int, radio=True,
    ),
    "impact": _choice(Level.choices, coerce=int),
    "kind": _choice(Kind.choices),
    "note": _long,
    "on_behalf": _team,
    "outcome": _choice(Outcome.choices, radio=True),
    "override": _text,
    "person": _person,
    "pool": lambda form, **kwargs: forms.ModelChoiceField(
        Pool.objects.all(), empty_label=_("As the routing says"), **kwargs
    ),
    "priority": _choice(Priority.choices, coerce=int, empty=gettext_lazy("Follows from impact and urgency")),
    "priority_reason": _text,
    "reason": _reason,
    "reference": lambda form, **kwargs: ThingField(form.user, **kwargs),
    "reviewer": lambda form, **kwargs: ColleagueField(but=form.user, empty_label=_("Choose…"), **kwargs),
    "role": _choice(LinkRole.choices),
    "title": lambda form, **kwargs: forms.CharField(max_length=200, **kwargs),
    "until": _until,
    "urgency": _choice(Level.choices, coerce=int),
    "value_high": _amount,
    "value_kind": _choice(ValueKind.choices, empty=gettext_lazy("Cannot be said")),
    "value_low": _amount,
    "visibility": _choice(Visibility.choices),
    "wake_on": _choice(WakeOn.choices),
}  # fmt: skip
