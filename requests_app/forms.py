"""The form by which a question is asked: one screen, and only the first line is needed."""

import re
from typing import Any
from uuid import uuid4

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts.models import Team, User
from portal.events import Reference, nodes
from requests_app.choices import Visibility

_REFERENCE = re.compile(r"(dataset|metric):([^\s:]{1,200})")
_MOST_LINKS = 12


class AskForm(forms.Form):
    """What somebody wants to know, what it decides, by when; ``once`` lets a double press ask once."""

    title = forms.CharField(
        max_length=200,
        label=gettext_lazy("What do you want to know?"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    decision_needed = forms.CharField(
        max_length=300,
        required=False,
        label=gettext_lazy("What will be decided by the answer?"),
        help_text=gettext_lazy("It tells the analyst how exact the answer must be."),
    )
    decision_by = forms.DateField(
        required=False,
        label=gettext_lazy("By when?"),
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    body = forms.CharField(
        required=False,
        max_length=20_000,
        label=gettext_lazy("What else should we know?"),
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    on_behalf = forms.ModelChoiceField(
        queryset=Team.objects.none(),
        required=False,
        label=gettext_lazy("Asked for the team"),
        empty_label=gettext_lazy("Only for me"),
    )
    visibility = forms.ChoiceField(
        choices=Visibility.choices, initial=Visibility.COMPANY, label=gettext_lazy("Who may see it")
    )
    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        kwargs["initial"] = {"once": uuid4(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        self._user = user
        teams = Team.objects.filter(pk__in=user.team_ids, kind=Team.Kind.BUSINESS)
        own: Any = self.fields["on_behalf"]
        own.queryset = teams
        own.label_from_instance = lambda team: team.name
        if len(teams) == 1:
            self.initial.setdefault("on_behalf", teams[0].pk)
        if not teams:
            del self.fields["on_behalf"]

    def clean_title(self) -> str:
        """Want words: a question mark alone asks nothing."""
        title = " ".join(self.cleaned_data["title"].split())
        if not re.search(r"\w{2}", title):
            raise forms.ValidationError(_("Ask in a few words."))
        return title

    def clean_decision_by(self) -> Any:
        """Take no day that has passed."""
        day = self.cleaned_data["decision_by"]
        if day and day < timezone.localdate():
            raise forms.ValidationError(_("This day has passed. When is it decided?"))
        return day

    @property
    def about(self) -> list[Reference]:
        """The things that the asker says it is about, as far as they exist for them."""
        given = self.data.getlist("about") if isinstance(self.data, QueryDict) else []
        return visible_references([str(text) for text in given], self._user)


def visible_references(texts: list[str], user: User) -> list[Reference]:
    """Read «dataset:ops.flights» and the like; what this person may not see is left out in silence."""
    found = [match.groups() for text in texts[:_MOST_LINKS] if (match := _REFERENCE.fullmatch(text))]
    references: list[Reference] = [(kind, key) for kind, key in found]
    seen = nodes.resolve(references, user)
    return [reference for reference in dict.fromkeys(references) if reference in seen]
