"""What somebody types to store a secret; what they typed is never put into a page again."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from jobs.engine.held import SHORTEST
from jobs.models import Secret
from jobs.models.secret import host_of

LONGEST = 20_000
MOST_HOSTS = 20
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?|[0-9a-f:.]{2,45}")


class SilentTextarea(forms.Textarea):
    """A field whose content the server never repeats, not even beside an error."""

    def format_value(self, value: Any) -> None:
        """Give nothing back."""
        return


class HostsField(forms.CharField):
    """Hosts, separated by blanks, commas or lines; of a whole address its host is taken."""

    def prepare_value(self, value: Any) -> Any:
        """Show those of a secret in one line."""
        return " ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Return each once, as they are compared; refuse what is none."""
        hosts: dict[str, None] = {}
        for word in re.split(r"[\s,;]+", super().clean(value)):
            host = host_of(word) or word
            if host and not _HOST.fullmatch(host):
                raise ValidationError(
                    _("“%(word)s” is no host. Write hosts like db.example.com, without a port."),
                    params={"word": word},
                )
            hosts |= {host: None} if host else {}
        if len(hosts) > MOST_HOSTS:
            raise ValidationError(_("At most %(most)s hosts."), params={"most": MOST_HOSTS})
        return list(hosts)


class ReplaceSecretForm(forms.Form):
    """Another value for a secret that is there already."""

    value = forms.CharField(
        label=_("Value"),
        strip=False,
        max_length=LONGEST,
        widget=SilentTextarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("A password, a token, or a key of several lines. It is never shown again."),
    )
    hosts = HostsField(
        label=_("Hosts it may be sent to"),
        required=False,
        max_length=4000,
        widget=forms.TextInput(
            attrs={"placeholder": "db.example.com api.example.com", "spellcheck": "false"}
        ),
        help_text=_(
            "Jobs send it nowhere else. Without any, only pipelines of your own code read it. Whoever "
            "changes the hosts has to type the value again."
        ),
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

    def clean(self) -> dict[str, Any]:
        """Say why the value is gone where something else was wrong."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors and "value" not in self.errors:
            self.add_error("value", _("Type it again: no page repeats it."))
        return cleaned


class SecretForm(ReplaceSecretForm):
    """A new secret."""

    name = forms.SlugField(
        label=_("Name"),
        max_length=60,
        help_text=_("Jobs name the secret by it: letters, digits, - and _. It cannot be changed later."),
        error_messages={"invalid": _("A name takes letters of the Latin alphabet, digits, - and _.")},
    )
    field_order = ["name", "value", "hosts", "purpose"]

    def clean_name(self) -> str:
        """Refuse a name that is taken."""
        name = str(self.cleaned_data["name"])
        if Secret.objects.filter(name=name).exists():
            raise ValidationError(_("There is a secret of this name already: replace its value instead."))
        return name
