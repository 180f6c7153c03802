"""What people type about themselves, about others and about tokens."""

import re
import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import Team, User
from portal.accounts.permissions import Role
from portal.accounts.scopes import SCOPES, grantable, unseen

_JOB_KEY = re.compile(r"[-a-zA-Z0-9_]{1,100}")


def time_zones() -> list[tuple[str, str]]:
    """Return the zones that have a place in their name, and UTC."""
    names = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/")
    )
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What somebody says of themselves."""

    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("", _("As the browser asks")), *settings.LANGUAGES],
        required=False,
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=time_zones, help_text=_("Times on all pages are shown in it.")
    )

    class Meta:
        model = User
        fields = ["name", "language", "time_zone"]
        labels = {"name": _("Name")}


class TeamsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """A choice of teams, each by its name in the reader's language."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        """Return the team's name."""
        return str(obj.name)


class PersonForm(forms.Form):
    """What an administrator says of somebody."""

    name = forms.CharField(label=_("Name"), max_length=150)
    email = forms.EmailField(label=_("E-mail"), max_length=254, help_text=_("They sign in with it."))
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=Role.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Several are possible. Without a role somebody may look, but not run or change."),
    )
    teams = TeamsField(label=_("Teams"), queryset=Team.objects.all(), required=False)

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        if person is not None:
            # The e-mail is who they are to every other system: it is not changed in passing.
            del self.fields["email"]
            self.initial = {
                "name": person.name,
                "roles": person.roles,
                "teams": list(person.teams.all()),
                **self.initial,
            }

    def clean_email(self) -> str:
        """Refuse an e-mail that somebody has already."""
        return _free_email(self.cleaned_data["email"])


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """A team's names and kind."""

    class Meta:
        model = Team
        fields = ["key", "name_en", "name_ko", "kind"]
        labels = {
            "key": _("Key"),
            "name_en": _("Name in English"),
            "name_ko": _("Name in Korean"),
            "kind": _("Kind"),
        }
        help_texts = {
            "key": _("Small letters, digits and hyphens. It cannot be changed later."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            del self.fields["key"]


class TokenForm(forms.Form):
    """What a new token is for."""

    DAYS = [(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("One year"))]

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Which system will use it?"))
    scopes = forms.MultipleChoiceField(label=_("It may"), required=False, widget=forms.CheckboxSelectMultiple)
    jobs = forms.CharField(
        label=_("It may run only these jobs"),
        required=False,
        max_length=1000,
        help_text=_("Keys of jobs with commas between them, for example load-flights."),
    )
    days = forms.TypedChoiceField(label=_("It works for"), choices=DAYS, coerce=int, initial=90)

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owner = owner
        allowed = grantable(owner)
        self.fields["scopes"].choices = [  # type: ignore[attr-defined]
            (scope, format_html("{} <code>{}</code>", SCOPES[scope][1], scope)) for scope in allowed
        ]
        if "jobs:run" not in allowed:
            del self.fields["jobs"]

    def clean_jobs(self) -> list[str]:
        """Return one scope for each key."""
        keys = [key for key in re.split(r"[\s,]+", self.cleaned_data["jobs"]) if key]
        for key in keys:
            if not _JOB_KEY.fullmatch(key):
                raise ValidationError(_("“%(key)s” is not a job's key."), params={"key": key[:100]})
        if missing := unseen["jobs"](keys, self._owner):
            raise ValidationError(_("There is no job %(keys)s."), params={"keys": ", ".join(missing)})
        return [f"jobs:run:{key}" for key in keys]

    def clean(self) -> dict[str, Any]:
        """Refuse a token that could do nothing; one job and all jobs contradict each other."""
        data: dict[str, Any] = self.cleaned_data
        jobs = data.get("jobs") or []
        if jobs and "jobs:run" in data.get("scopes", []):
            self.add_error("jobs", _("Choose either any job or these jobs."))
        elif not self.errors and not [*data.get("scopes", []), *jobs]:
            self.add_error("scopes", _("Choose at least one thing that it may do."))
        return data

    @property
    def granted(self) -> list[str]:
        """All scopes chosen; ask only after is_valid()."""
        return [*self.cleaned_data["scopes"], *(self.cleaned_data.get("jobs") or [])]


class FirstAdministratorForm(forms.Form):
    """Who the first administrator is."""

    name = forms.CharField(label=_("Your name"), max_length=150)
    email = forms.EmailField(label=_("E-mail"), max_length=254, help_text=_("You will sign in with it."))
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters; a few words in a row are good."),
    )

    def clean_email(self) -> str:
        """Refuse an e-mail that somebody has already."""
        return _free_email(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        """Ask the password rules, which also compare with name and e-mail."""
        data: dict[str, Any] = self.cleaned_data
        if "password" in data:
            user = User(name=data.get("name", ""), email=data.get("email", ""))
            try:
                password_validation.validate_password(data["password"], user)
            except ValidationError as error:
                self.add_error("password", error)
        return data


def _free_email(email: str) -> str:
    email = email.strip().lower()
    if User.objects.filter(email__iexact=email).exists():
        raise ValidationError(_("Somebody with this e-mail is here already."))
    return email
