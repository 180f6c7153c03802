"""What somebody says to make or change an endpoint; an address is never put into a page again."""

import re
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import User
from portal.accounts.scopes import unseen
from portal.outgoing import OutgoingError
from portal.webhooks.actions import Wish, check_address
from portal.webhooks.choices import Event, Format
from portal.webhooks.models import Endpoint

MOST_JOBS: Final = 50
_BETWEEN: Final = re.compile(r"[\s,]+")


def known_jobs(keys: list[str], user: User) -> list[str]:
    """Return these keys once each; raises ValidationError for one that the person knows no job of."""
    wanted = list(dict.fromkeys(filter(None, keys)))
    if len(wanted) > MOST_JOBS:
        raise ValidationError(_("Name at most %(most)s jobs."), params={"most": MOST_JOBS})
    if missing := unseen["jobs"](wanted, user):
        raise ValidationError(_("There is no job %(keys)s."), params={"keys": ", ".join(missing)})
    return wanted


class EndpointForm(forms.Form):
    """An endpoint; of one that is there already the address may stay empty and the format stays."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What listens there, for example: the stock system.")
    )
    format = forms.ChoiceField(
        label=_("Who listens"), choices=Format.choices, initial=Format.JSON, widget=forms.RadioSelect
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.TextInput(attrs={"type": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "Begins with https://. We send a POST with JSON there; for a channel it is the address of an "
            "incoming webhook of Slack."
        ),
    )
    events = forms.MultipleChoiceField(
        label=_("Hears of"), choices=Event.groups, widget=forms.CheckboxSelectMultiple
    )
    jobs = forms.CharField(
        label=_("Only of these jobs"),
        required=False,
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_(
            "Their keys, separated by commas or lines. Empty means every job that you see. "
            "Questions come all the same."
        ),
    )

    def __init__(self, *args: Any, user: User, known: Endpoint | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self._format = str(known.format) if known else ""
        if known:
            del self.fields["format"]
            self.fields["url"].required = False
            self.fields["url"].help_text = _("Leave it empty to keep the present address.")

    def clean_url(self) -> str:
        """Refuse an address that is never called, and say why."""
        url = str(self.cleaned_data["url"]).strip()
        try:
            if url:
                # What is no format at all is told at its own field.
                check_address(url, self._format or self.cleaned_data.get("format", Format.JSON))
        except OutgoingError as error:
            raise ValidationError(str(error)) from error
        return url

    def clean_jobs(self) -> list[str]:
        """Find the jobs among those that the person sees."""
        return known_jobs(_BETWEEN.split(str(self.cleaned_data["jobs"]).strip()), self._user)

    def wish(self) -> Wish:
        """Return what was said."""
        return Wish(**self.cleaned_data)
