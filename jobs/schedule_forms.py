"""The forms of schedules and of starts by new data; a job's own parameters stand in them as well."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from catalog.models import Dataset
from jobs.actions import backfills, data_triggers, schedules
from jobs.choices import Gathering, Misfire, PartitionUnit
from jobs.exceptions import FieldError
from jobs.forms import ParametersForm, Schema, moment_input, parameters_of
from jobs.models import DataTrigger, Job, Schedule
from jobs.partitions import BY_SLOT, parameters_for

CRON, INTERVAL = "cron", "interval"
# Where a parameter is not taken from the slot.
HERE = "here"
_UNITS = {1: _("seconds"), 60: _("minutes"), 3600: _("hours"), 86400: _("days")}


class StartForm(ParametersForm):
    """What the forms share: the parameters with which the job starts."""

    # The field of the form that shows an error of the action's.
    SHOWN: Mapping[str, str] = {}

    def __init__(self, job: Job, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.job = job
        super().__init__(job.parameters_schema, data, **kwargs)
        # Nothing is started here: the action itself refuses the second of two equal ones.
        del self.fields["once"]

    def add_errors(self, errors: list[FieldError]) -> None:
        """Put what the action said beside the fields it speaks of."""
        of_parameters = [error for error in errors if error["field"].startswith("params")]
        for error in errors:
            if error not in of_parameters:
                name = self.SHOWN.get(error["field"], error["field"])
                self.add_error(name if name in self.fields else None, error["message"])
        self.add_parameter_errors(
            [{**error, "field": error["field"].removeprefix("params").lstrip(".")} for error in of_parameters]
        )


class ScheduleForm(StartForm):
    """Ask when a job starts by itself, and what happens when it could not."""

    SHOWN = {"interval": "every"}

    rhythm = forms.ChoiceField(
        label=_("Rhythm"),
        choices=[(CRON, _("By a cron line")), (INTERVAL, _("At even distances"))],
        widget=forms.RadioSelect,
    )
    cron = forms.CharField(
        label=_("Cron line"),
        max_length=100,
        help_text=_("minute, hour, day of the month, month, day of the week: «30 6 * * 1-5»"),
        widget=forms.TextInput({"spellcheck": "false", "autocomplete": "off", "class": "mono"}),
    )
    zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        widget=forms.TextInput({"list": "zones", "spellcheck": "false", "autocomplete": "off"}),
    )
    every = forms.IntegerField(label=_("Every"), min_value=1, max_value=10**8)
    unit = forms.TypedChoiceField(
        label=_("Unit"), choices=list(_UNITS.items()), coerce=int, required=False, empty_value=None
    )
    anchor = forms.DateTimeField(
        label=_("Counted from"),
        required=False,
        widget=moment_input(),
    )
    misfire = forms.ChoiceField(
        label=_("When starts were missed"), choices=Misfire.choices, widget=forms.RadioSelect
    )
    grace = forms.IntegerField(
        label=_("Minutes that count as on time"),
        help_text=_("Only where late starts are skipped."),
        min_value=0,
        max_value=schedules.LONGEST_GRACE // 60,
    )
    max_catchup = forms.IntegerField(
        label=_("Caught up at most"),
        help_text=_("Only where all are run: the newest of them."),
        min_value=0,
        max_value=schedules.MOST_CATCHUP,
    )

    def __init__(self, job: Job, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(job, data, **kwargs)
        self.takes = parameters_for(job.parameters_schema)
        kept = self.initial.get("by_slot", {})
        for parameter in self.parameters:
            if parameter.name in self.takes:
                said = _slot_field(parameter.label, kept.get(parameter.name, HERE))
                self.fields[self.slot_field(parameter.name)] = said
        # Only the fields of the chosen rhythm count, and of the parameters those that the slot does not give.
        if data is not None:
            others = ["cron", "zone"] if data.get("rhythm") == INTERVAL else ["every"]
            others += [
                self.field_name(name) for name in self.takes if data.get(self.slot_field(name), HERE) != HERE
            ]
            for field in others:
                self.fields[field].required = False

    @staticmethod
    def slot_field(parameter: str) -> str:
        """Return the name of the field that says what a parameter takes from the slot."""
        return f"slot-{parameter}"

    @property
    def given(self) -> list[tuple[forms.BoundField, forms.BoundField | None]]:
        """The fields of the parameters, each with the one that says what it takes from the slot."""
        return [
            (row, self[self.slot_field(parameter.name)] if parameter.name in self.takes else None)
            for parameter, row in zip(self.parameters, self.rows, strict=True)
        ]

    @property
    def by_slot(self) -> dict[str, str]:
        """What parameters take from the slot."""
        chosen = {name: self.cleaned_data.get(self.slot_field(name)) for name in self.takes}
        return {name: word for name, word in chosen.items() if word not in {None, "", HERE}}

    @property
    def wish(self) -> schedules.Wish:
        """What was entered, as far as it could be read."""
        said = self.cleaned_data
        at_intervals = said.get("rhythm") == INTERVAL
        return schedules.Wish(
            cron="" if at_intervals else said.get("cron") or "",
            zone=said.get("zone") or "",
            interval=(said.get("every") or 0) * (said.get("unit") or 60) if at_intervals else None,
            anchor=said.get("anchor") if at_intervals else None,
            params={name: value for name, value in self.params.items() if name not in self.by_slot},
            by_slot=self.by_slot,
            misfire=said.get("misfire", ""),
            grace=self._grace,
            max_catchup=said.get("max_catchup") or 0,
        )

    @property
    def _grace(self) -> int:
        """The grace in seconds; one that the API set to the second stays while its minutes do."""
        minutes = self.cleaned_data.get("grace") or 0
        kept: int = self.initial.get("kept_grace", 0)
        return kept if minutes == kept // 60 else minutes * 60

    @property
    def zones(self) -> list[str]:
        """The names to choose from."""
        return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def _slot_field(name: str, kept: str) -> forms.ChoiceField:
    """Return the choice of what a parameter takes; what the API set and no choice names stays possible."""
    choices = [(HERE, _("what is written here")), *BY_SLOT.items()]
    if kept != HERE and kept not in BY_SLOT:
        choices.append((kept, kept))
    label = format_lazy(_("{name} is"), name=name)
    return forms.ChoiceField(label=label, choices=choices, required=False)


def schedule_initial(schedule: Schedule | None, zone: str) -> dict[str, Any]:
    """Return what the form shows first: the schedule as it is, else what is usual in this zone."""
    if schedule is None:
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        usual = {"rhythm": CRON, "cron": "0 6 * * *", "zone": zone, "every": 30, "unit": 60}
        missed = {"misfire": Misfire.LATEST, "grace": 5, "max_catchup": 24}
        return {**usual, **missed, "anchor": midnight}
    interval = schedule.interval
    unit = max((size for size in _UNITS if interval and interval % size == 0), default=60)
    return {
        "rhythm": CRON if interval is None else INTERVAL,
        "cron": schedule.cron,
        "zone": schedule.zone if interval is None else zone,
        "every": interval // unit if interval else None,
        "unit": unit,
        "anchor": schedule.anchor,
        "misfire": schedule.misfire,
        "grace": schedule.grace // 60,
        "kept_grace": schedule.grace,
        "max_catchup": schedule.max_catchup,
        "by_slot": schedule.by_slot,
        **{ScheduleForm.slot_field(name): word for name, word in schedule.by_slot.items()},
        **params_initial(schedule.params, schedule.job.parameters_schema),
    }


def params_initial(params: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Return kept parameters as the form's fields show them."""
    return {
        ParametersForm.field_name(each.name): _shown(each.kind, params[each.name])
        for each in parameters_of(schema)
        if each.name in params
    }


def _shown(kind: str, value: Any) -> Any:
    if kind == "date-time" and isinstance(value, str):
        try:
            return dt.datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


class BackfillForm(ParametersForm):
    """Ask over which days a job runs, and with what beside them."""

    parameter = forms.ChoiceField(label=_("Parameter that takes the day"))
    unit = forms.ChoiceField(label=_("A run for each"), choices=PartitionUnit.choices)
    first = forms.DateField(label=_("First day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label=_("Last day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    parallel = forms.IntegerField(
        label=_("At a time"), min_value=1, max_value=backfills.MOST_PARALLEL, initial=1
    )

    def __init__(self, job: Job, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(job.parameters_schema, data, **kwargs)
        names = {parameter.name: parameter.label for parameter in self.parameters}
        choices = [(name, names[name]) for name in parameters_for(job.parameters_schema)]
        self.fields["parameter"].choices = choices  # type: ignore[attr-defined]
        # The partition fills in this one; the form asks for the others only.
        chosen = data.get("parameter") if data is not None else (choices[0][0] if choices else "")
        self.parameters = [parameter for parameter in self.parameters if parameter.name != chosen]
        if chosen in names:
            del self.fields[self.field_name(str(chosen))]

    @property
    def wish(self) -> backfills.Wish:
        """What was entered; only of a valid form."""
        said = self.cleaned_data
        return backfills.Wish(
            parameter=said["parameter"],
            unit=said["unit"],
            first=said["first"],
            last=said["last"],
            parallel=said["parallel"],
            params=self.params,
        )

    def add_errors(self, errors: list[FieldError]) -> None:
        """Put what the action said beside the fields it speaks of."""
        for error in errors:
            if error["field"].startswith("params"):
                name = error["field"].removeprefix("params").lstrip(".")
                self.add_parameter_errors([{**error, "field": name}])
            else:
                self.add_error(error["field"] if error["field"] in self.fields else None, error["message"])


class DatasetsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg] # generic for the stubs only
    """Datasets, told by their names."""

    def label_from_instance(self, obj: Dataset) -> str:
        """Return the name with the key, by which others speak of it."""
        return f"{obj.asset.name} ({obj.asset.key})"


class DataTriggerForm(StartForm):
    """Ask which datasets start a job when they are published."""

    datasets = DatasetsField(
        label=_("Datasets"),
        queryset=Dataset.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    gathering = forms.ChoiceField(
        label=_("The job starts"), choices=Gathering.choices, widget=forms.RadioSelect
    )

    def __init__(self, job: Job, datasets: QuerySet[Dataset], *args: Any, **kwargs: Any) -> None:
        super().__init__(job, *args, **kwargs)
        chosen = cast("DatasetsField", self.fields["datasets"])
        chosen.queryset = datasets.select_related("asset").order_by("asset__key")

    @property
    def wish(self) -> data_triggers.Wish:
        """What was entered."""
        said = self.cleaned_data
        return data_triggers.Wish(
            datasets=list(said.get("datasets") or []), gathering=said.get("gathering", ""), params=self.params
        )


def trigger_initial(trigger: DataTrigger | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if trigger is None:
        return {"gathering": Gathering.ANY}
    chosen = [each.dataset_id for each in trigger.watched.all()]
    return {
        "datasets": chosen,
        "gathering": trigger.gathering,
        **params_initial(trigger.params, trigger.job.parameters_schema),
    }
