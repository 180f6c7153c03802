"""The form of a whole job: what all have in common, its kind's configuration, and what it asks for."""

from typing import Any, Final, cast

from django import forms
from django.db.models import Q
from django.http import QueryDict
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from jobs.checks import TIME, config_problems, named_problems
from jobs.choices import PLAIN_KINDS, OnConflict
from jobs.config_forms import SchemaForm
from jobs.definitions import JobDefinition
from jobs.durations import SecondsField
from jobs.exceptions import FieldError
from jobs.fields import LinesField
from jobs.form_parts import Part
from jobs.lists import rearranged
from jobs.models import Job, Pool
from jobs.parameter_rows import Asked, AskedOfPipeline, Row, asked_of, schema_of
from jobs.peeks import with_columns
from jobs.runners.registry import SYSTEM_KINDS, runner_for
from portal.accounts.models import Team, User
from portal.accounts.permissions import Permission

CONFIG: Final = "config"
PARAMETERS: Final = "parameters"
ROWS: Final = f"{PARAMETERS}.asks.built.rows"
WRITTEN: Final = f"{PARAMETERS}.asks.written.text"
_LISTS: Final = ("after", "runners", "runner_teams", "editors", "editor_teams")
# Fields of the form that a definition calls otherwise.
_RENAMED: Final = {"owner": "owner_email", "team": "team_key"}
# Who makes a report of their own says who sees it.
_OF_ONES_OWN: Final = frozenset({"team", "private"})
_PARTS: Final = {
    "words": ("name_en", "name_ko", "key", "description_en", "description_ko", "enabled"),
    "access": ("owner", "team", "private", "runners", "runner_teams", "editors", "editor_teams"),
    "running": ("pool", "priority", "max_active_runs", "on_conflict", "after"),
    "alerts": ("alert_failed", "late_after", "finish_within", "done_by", "done_by_zone", "alert_longer"),
    "limits": ("timeout", "start_deadline", "max_attempts", "backoff", "backoff_cap"),
}


class CommonForm(forms.Form):
    """What every job has, whatever its kind."""

    use_required_attribute = False

    key = forms.CharField(
        max_length=100,
        required=False,
        label=_("Key"),
        help_text=_(
            "Its name in addresses and in the API, such as «load-orders». It stays for good. "
            "Empty: made of the English name."
        ),
        widget=forms.TextInput({"spellcheck": "false", "autocomplete": "off"}),
    )
    name_en = forms.CharField(max_length=200, label=_("English name"))
    name_ko = forms.CharField(max_length=200, required=False, label=_("Korean name"))
    description_en = forms.CharField(
        max_length=5000, required=False, label=_("English description"), widget=forms.Textarea({"rows": 2})
    )
    description_ko = forms.CharField(
        max_length=5000, required=False, label=_("Korean description"), widget=forms.Textarea({"rows": 2})
    )
    enabled = forms.BooleanField(required=False, initial=True, label=_("Switched on"))
    owner = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        to_field_name="email",
        label=_("Owner"),
        empty_label=_("Nobody"),
        help_text=_("Who is told when it fails."),
    )
    team = forms.ModelChoiceField(
        Team.objects.none(), required=False, to_field_name="key", label=_("Team"), empty_label=_("No team")
    )
    private = forms.BooleanField(
        required=False, label=_("Seen only by its owner, its team and those named below")
    )
    runners = LinesField(
        required=False,
        label=_("People who may run it"),
        help_text=_("By e-mail, one a line, beyond those whose role allows it."),
    )
    runner_teams = forms.MultipleChoiceField(
        required=False, label=_("Teams that may run it"), widget=forms.CheckboxSelectMultiple
    )
    editors = LinesField(
        required=False,
        label=_("People who may edit it"),
        help_text=_(
            "They may run it too. Who sees, runs and edits it stays with those whose role edits jobs."
        ),
    )
    editor_teams = forms.MultipleChoiceField(
        required=False, label=_("Teams that may edit it"), widget=forms.CheckboxSelectMultiple
    )
    pool = forms.ChoiceField(label=_("Pool"), help_text=_("Jobs of a pool share its places."))
    priority = forms.IntegerField(label=_("Priority"), initial=0, help_text=_("Higher starts first."))
    max_active_runs = forms.IntegerField(label=_("Runs at a time"), initial=1)
    on_conflict = forms.ChoiceField(
        choices=OnConflict.choices,
        label=_("A start while that many run"),
        help_text=_("Holds for schedules; a start by hand or by the API always waits."),
    )
    after = forms.MultipleChoiceField(
        required=False,
        label=_("Starts after"),
        help_text=_("It starts by itself when one of these has succeeded."),
        widget=forms.CheckboxSelectMultiple,
    )
    timeout = SecondsField(label=_("Time limit"), help_text=_("For example «90 s», «10 min», «2 h»."))
    start_deadline = SecondsField(
        required=False,
        label=_("Start deadline"),
        help_text=_("A run that waited longer is skipped. Empty: it waits as long as it takes."),
    )
    max_attempts = forms.IntegerField(
        label=_("Attempts"), help_text=_("A failure that another try may heal is tried again this often.")
    )
    backoff = SecondsField(label=_("Wait before the second attempt"), help_text=_("It doubles each time."))
    backoff_cap = SecondsField(label=_("Longest wait"))
    alert_failed = forms.BooleanField(
        required=False,
        label=_("When a run fails"),
        help_text=_("The owner and whoever watches the job are told, and again when it works."),
    )
    late_after = SecondsField(
        required=False,
        label=_("When a run has not started after"),
        help_text=_("Counted from its planned time. Empty: no alert."),
    )
    finish_within = SecondsField(
        required=False,
        label=_("When a run has not ended after"),
        help_text=_("Counted from its planned time. Empty: no alert."),
    )
    done_by = forms.CharField(
        max_length=5,
        required=False,
        label=_("When a planned run is not done by"),
        help_text=_("A time of day such as «06:30», the next after its planned time. Empty: no alert."),
        widget=forms.TextInput({"autocomplete": "off", "placeholder": "06:30"}),
    )
    done_by_zone = forms.CharField(
        max_length=64,
        required=False,
        label=_("In the time zone"),
        help_text=_("For example «Asia/Seoul». Empty: UTC."),
        widget=forms.TextInput({"spellcheck": "false", "autocomplete": "off"}),
    )
    alert_longer = forms.BooleanField(
        required=False,
        label=_("When a run takes longer than usual"),
        help_text=_("Half as long again as the slowest in twenty, once ten runs have succeeded."),
    )

    def __init__(self, data: QueryDict | None, *, user: User, definition: JobDefinition, new: bool) -> None:
        super().__init__(data, initial=_initial(definition))
        if not definition.done_by:
            self.initial["done_by_zone"] = user.time_zone
        self._offer(user, definition)
        if not new:
            del self.fields["key"], self.fields["enabled"]
        if not user.may(Permission.EDIT_JOBS):
            for name in _PARTS["access"]:
                if not (new and name in _OF_ONES_OWN):
                    del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Make a key where none was given, and let a time zone without its time of day be none."""
        said = super().clean() or self.cleaned_data
        if "key" in self.fields and "key" not in self.errors and not said.get("key"):
            said["key"] = slugify(said.get("name_en", ""))[:100].strip("-")
            if not said["key"] and "name_en" not in self.errors:
                self.add_error("key", _("Give it a key: there are no letters for one in the English name."))
        if not said.get("done_by_zone") or (not said.get("done_by") and "done_by" not in self.errors):
            said["done_by_zone"] = "UTC"
        return said

    def clean_done_by(self) -> str:
        """Refuse what is no time of day, beside the other times that are typed."""
        said = str(self.cleaned_data["done_by"])
        if said and not TIME.fullmatch(said):
            raise forms.ValidationError(_("It takes a time of day from 00:00 to 23:59."))
        return said

    def _offer(self, user: User, definition: JobDefinition) -> None:
        """Fill in what can be chosen: of jobs only what this person may know of."""
        fields: dict[str, Any] = self.fields
        people = User.objects.filter(is_active=True)
        if definition.owner_email:
            people = people | User.objects.filter(email=definition.owner_email)
        fields["owner"].queryset = people.order_by("name")
        fields["team"].queryset = Team.objects.all()
        teams = [(team.key, team.name) for team in Team.objects.all()]
        fields["runner_teams"].choices = fields["editor_teams"].choices = teams
        pools = list(Pool.objects.order_by("key").values_list("key", flat=True))
        fields["pool"].choices = [(key, key) for key in dict.fromkeys(["default", *pools])]
        own = Q(kind__in=SYSTEM_KINDS) & ~Q(key__in=definition.after)
        before = Job.objects.visible_to(user).exclude(Q(key=definition.key) | own).order_by("key")
        fields["after"].choices = [(job.key, f"{job.name} ({job.key})") for job in before]


class JobForm:
    """The three forms of a job, as one. Without ``data`` it shows the definition.

    ``redrawn`` says that a list within only took or lost an item: then nothing is judged.
    """

    def __init__(
        self, *, user: User, definition: JobDefinition, new: bool, data: QueryDict | None = None
    ) -> None:
        changed = None if data is None else rearranged(data) or with_columns(data, user)
        self.redrawn = changed is not None
        self._base, self._user = definition, user
        # The list that only took or lost an item.
        self._moved = data.get("do", "").partition(" ")[2] if changed is not None and data is not None else ""
        data = changed or data
        self.common = CommonForm(data, user=user, definition=definition, new=new)
        if self.redrawn:
            self.common.full_clean()
            self.common.errors.clear()
        config = runner_for(definition.kind).Config.model_json_schema()
        self.config = SchemaForm(
            config, path=CONFIG, value=definition.config, data=data, quiet=self.redrawn, reader=user
        )
        asks = AskedOfPipeline if definition.kind == "python" else Asked
        self.parameters = SchemaForm(
            asks.model_json_schema(),
            path=PARAMETERS,
            value=asked_of(definition.parameters_schema),
            data=data,
            quiet=self.redrawn,
        )
        self.errors: list[FieldError] = []

    def is_valid(self) -> bool:
        """Judge each field by itself; how they go together the definition's own checks say."""
        if self.redrawn:
            return False
        parts = [
            self.common.is_valid(),
            self.config.is_valid(),
            self.parameters.is_valid(),
            self._build_rows(),
        ]
        if not all(parts):
            # Its checks come when each field is well; what can be said of the configuration is said now.
            kind, config = self._base.kind, self.config.value
            errors = config_problems(kind, config)
            if not errors and config != self._base.config:
                errors = named_problems(kind, config, self._user)
            self.config.complain([error for error in errors if _is_of(error, CONFIG)])
        return all(parts)

    def part(self, name: str) -> Part:
        """Return the fields of a part that this person is asked for."""
        fields = [self.common[field] for field in _PARTS[name] if field in self.common.fields]
        # A zone says nothing without its time of day.
        return Part(
            fields, unsaid=frozenset() if self.common["done_by"].value() else frozenset({"done_by_zone"})
        )

    words = property(lambda self: self.part("words"))
    access = property(lambda self: self.part("access"))
    running = property(lambda self: self.part("running"))
    alerts = property(lambda self: self.part("alerts"))
    limits = property(lambda self: self.part("limits"))

    @property
    def takes_parameters(self) -> bool:
        """Whether a job of this kind takes parameters; those of an older definition are shown."""
        return self.kind not in PLAIN_KINDS or bool(self.asked)

    @property
    def asks_now(self) -> bool:
        """Whether somebody works on what it asks for."""
        return self.parameters.faulty or self._moved.startswith(PARAMETERS)

    @property
    def asked(self) -> str:
        """The names of what it asks for so far, in one line."""
        return ", ".join((self._base.parameters_schema or {}).get("properties", {}))

    @property
    def kind(self) -> str:
        """The kind of the job."""
        return self._base.kind

    @property
    def faulty(self) -> bool:
        """Whether something is marked."""
        return bool(self.common.errors or self.config.faulty or self.parameters.faulty or self.errors)

    @property
    def enabled(self) -> bool:
        """Whether a new job is switched on."""
        return bool(self.common.cleaned_data.get("enabled"))

    def definition(self) -> JobDefinition:
        """Return what was entered; what was not asked for stays as it was."""
        entered = {
            _RENAMED.get(name, name): value
            for name, value in self.common.cleaned_data.items()
            if name != "enabled"
        }
        for name in _LISTS:
            if name in entered:
                entered[name] = tuple(sorted(dict.fromkeys(entered[name])))
        if "owner_email" in entered:
            entered["owner_email"] = entered["owner_email"].email if entered["owner_email"] else None
        if "team_key" in entered:
            entered["team_key"] = entered["team_key"].key if entered["team_key"] else None
        entered["on_conflict"] = OnConflict(entered["on_conflict"])
        # What comes before and may not be seen stays where it is.
        offered = {key for key, _label in self.common.fields["after"].choices}  # type: ignore[attr-defined]
        entered["after"] = tuple(sorted({*entered["after"], *(set(self._base.after) - offered)}))
        values = {**vars_of(self._base), **entered}
        return JobDefinition(**{**values, "config": self.config.value, "parameters_schema": self._schema})

    def complain(self, errors: list[FieldError]) -> None:
        """Put what the definition's checks said beside the fields."""
        rest = self.config.complain([error for error in errors if _is_of(error, CONFIG)])
        told = [self._of_parameters(error) for error in errors if _is_of(error, "parameters_schema")]
        rest += self.parameters.complain(told)
        for error in errors:
            name = error["field"].split(".")[0]
            name = {"owner_email": "owner", "team_key": "team"}.get(name, name)
            if name in self.common.fields:
                self.common.add_error(name, error["message"])
            elif name not in {CONFIG, "parameters_schema"}:
                rest.append(error)
        self.errors += rest

    @property
    def _asks(self) -> dict[str, Any]:
        return dict(self.parameters.value.get("asks") or {})

    @property
    def _rows(self) -> list[Row]:
        return [Row.model_validate(row) for row in self._asks.get("rows", [])]

    def _build_rows(self) -> bool:
        """Say beside each row what keeps it from becoming a schema."""
        if not self.parameters.is_valid() or self._asks.get("form") != "built":
            return True
        _schema, errors = schema_of(self._rows)
        self.parameters.complain([{**error, "field": f"{ROWS}.{error['field']}"} for error in errors])
        return not errors

    @property
    def _schema(self) -> dict[str, Any] | None:
        match self._asks.get("form"):
            case "built":
                return schema_of(self._rows)[0]
            case "written":
                # What is no object the definition's checks refuse.
                return cast("dict[str, Any]", self._asks["text"])
        return None

    def _of_parameters(self, error: FieldError) -> FieldError:
        """Lead an error within the schema to the row that made it, or to the JSON."""
        path = error["field"].split(".")[1:]
        if self._asks.get("form") != "built":
            told = ".".join(path)
            message = f"{told}: {error['message']}" if told else error["message"]
            return FieldError(field=WRITTEN, message=message)
        names = [row.name for row in self._rows]
        if len(path) > 1 and path[0] == "properties" and path[1] in names:
            field = path[2] if path[2:] and path[2] in Row.model_fields else "name"
            return FieldError(field=f"{ROWS}.{names.index(path[1])}.{field}", message=error["message"])
        return FieldError(field=ROWS, message=error["message"])


def vars_of(definition: JobDefinition) -> dict[str, Any]:
    """Return the fields of a definition by name."""
    return {name: getattr(definition, name) for name in definition.__dataclass_fields__}


def _initial(definition: JobDefinition) -> dict[str, Any]:
    values = vars_of(definition)
    renamed = {name: values[other] for name, other in _RENAMED.items()}
    lists = {name: list(values[name]) for name in _LISTS}
    return {**values, **renamed, **lists, "enabled": True}


def _is_of(error: FieldError, part: str) -> bool:
    return error["field"].split(".")[0] == part
