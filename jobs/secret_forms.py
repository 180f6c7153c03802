"""What somebody types to store a secret; what they typed is never put into a page again."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from jobs.engine.held import SHORTEST
from jobs.models import Secret

LONGEST = 20_000


class SilentTextarea(forms.Textarea):
    """A field whose content the server never repeats, not even beside an error."""

    def format_value(self, value: Any) -> None:
        """Give nothing back."""
        return


class ReplaceSecretForm(forms.Form):
    """Another value for a secret that is there already."""

    value = forms.CharField(
        label=_("Value"),
        strip=False,
        max_length=LONGEST,
        widget=SilentTextarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("A password, a token, or a key of several lines. It is never shown again."),
    )
    purpose = forms.CharField(
        label=_("What it is for"),
        max_length=200,
        required=False,
        help_text=_("For example: reads orders from the shop’s API. Everybody who defines jobs reads this."),
    )

    def clean_value(self) -> str:
        """Take away what pasting adds: line ends of another kind, and one at the end."""
        value = str(self.cleaned_data["value"]).replace("\r\n", "\n").strip("\n")
        if "\x00" in value or len(value.strip()) < SHORTEST:
            raise ValidationError(
                _("Type at least %(least)s characters: a shorter word could not be kept out of logs."),
                params={"least": SHORTEST},
            )
        return value


class SecretForm(ReplaceSecretForm):
    """A new secret."""

    name = forms.SlugField(
        label=_("Name"),
        max_length=60,
        help_text=_("Jobs name the secret by it: letters, digits, - and _. It cannot be changed later."),
        error_messages={
            "invalid": _(
                "A name takes letters of the Latin alphabet, digits, - and _. Type the value again too."
            )
        },
    )
    field_order = ["name", "value", "purpose"]

    def clean_name(self) -> str:
        """Refuse a name that is taken."""
        name = str(self.cleaned_data["name"])
        if Secret.objects.filter(name=name).exists():
            raise ValidationError(_("There is a secret of this name already: replace its value instead."))
        return name
