"""Let a job start by new data: make, change, pause and remove its triggers."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalog.models import Dataset
from jobs.actions.runs import unfit
from jobs.choices import Gathering
from jobs.circles import path_back, shown_path
from jobs.exceptions import FieldError, RefusedTrigger
from jobs.models import DataTrigger, Job, WatchedDataset
from portal.accounts.models import User
from portal.audit.actions import Actor, record

MOST_DATASETS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A trigger as somebody wants it."""

    datasets: Collection[Dataset]
    gathering: str = Gathering.ANY
    params: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def add(*, job: Job, wish: Wish, by: Actor, reader: User | None = None) -> DataTrigger:
    """Start the job by these datasets too; raises RefusedTrigger with what is wrong, field by field.

    What is wrong is told in words that name what the ``reader`` may know of, without one everything.
    """
    # Locked, so that a double click adds one.
    job = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
    _check(job, wish, reader)
    trigger = DataTrigger(job=job)
    _refuse_a_twin(trigger, wish)
    _keep(trigger, wish)
    _record("trigger.added", trigger, by)
    return trigger


@transaction.atomic
def edit(*, trigger: DataTrigger, wish: Wish, reader: User, by: Actor) -> DataTrigger:
    """Change a trigger; a dataset that stays keeps what was published meanwhile. Raises RefusedTrigger.

    The datasets that the ``reader`` may not see stay.
    """
    trigger = DataTrigger.objects.select_for_update(of=("self",)).select_related("job").get(pk=trigger.pk)
    unseen = trigger.datasets.exclude(pk__in=Dataset.objects.visible_to(reader)).select_related("asset")
    wish = replace(wish, datasets={*wish.datasets, *unseen})
    _check(trigger.job, wish, reader)
    _refuse_a_twin(trigger, wish)
    _keep(trigger, wish)
    _record("trigger.edited", trigger, by)
    return trigger


@transaction.atomic
def remove(*, trigger: DataTrigger, by: Actor) -> None:
    """Delete a trigger; the runs that it has started stay."""
    for each in DataTrigger.objects.select_for_update(of=("self",)).filter(pk=trigger.pk):
        _record("trigger.removed", each, by)
        each.delete()


@transaction.atomic
def pause(*, trigger: DataTrigger, by: Actor) -> None:
    """Stop a trigger; what is published meanwhile starts nothing and is not kept."""
    if DataTrigger.objects.filter(pk=trigger.pk, enabled=True).update(enabled=False):
        trigger.watched.update(fresh_by=None)
        _record("trigger.paused", trigger, by)


@transaction.atomic
def resume(*, trigger: DataTrigger, by: Actor) -> None:
    """Let a trigger go on with what is published from now on.

    Raises RefusedTrigger where its parameters do not fit what the job asks for by now.
    """
    if errors := unfit(trigger.params, trigger.job.parameters_schema):
        raise RefusedTrigger(errors)
    if DataTrigger.objects.filter(pk=trigger.pk, enabled=False).update(enabled=True):
        _record("trigger.resumed", trigger, by)


def _check(job: Job, wish: Wish, reader: User | None) -> None:
    errors: list[FieldError] = []
    keys = sorted(dataset.asset.key for dataset in wish.datasets)
    if not keys:
        errors.append(FieldError(field="datasets", message=_("Choose at least one dataset.")))
    if len(keys) > MOST_DATASETS:
        errors.append(FieldError(field="datasets", message=_("Choose at most fifty datasets.")))
    if wish.gathering not in Gathering.values:
        errors.append(FieldError(field="gathering", message=_("There is no such choice.")))
    if path := path_back(job.key, datasets=keys):
        text = _("This goes round in a circle: {path}. Leave out {dataset}.")
        message = text.format(path=shown_path(path, reader), dataset=shown_path(path[-2:-1], reader))
        errors.append(FieldError(field="datasets", message=message))
    errors += unfit(wish.params, job.parameters_schema)
    if errors:
        raise RefusedTrigger(errors)


def _refuse_a_twin(trigger: DataTrigger, wish: Wish) -> None:
    wanted = {dataset.pk for dataset in wish.datasets}
    same = trigger.job.data_triggers.filter(gathering=wish.gathering, params=wish.params)
    for other in same.exclude(pk=trigger.pk).prefetch_related("watched"):
        if {each.dataset_id for each in other.watched.all()} == wanted:
            raise RefusedTrigger([FieldError(field="", message=_("The job already has this trigger."))])


def _keep(trigger: DataTrigger, wish: Wish) -> None:
    trigger.gathering = wish.gathering
    trigger.params = wish.params
    trigger.save()
    wanted = {dataset.pk for dataset in wish.datasets}
    trigger.watched.exclude(dataset__in=wanted).delete()
    kept = set(trigger.watched.values_list("dataset", flat=True))
    WatchedDataset.objects.bulk_create(
        WatchedDataset(trigger=trigger, dataset_id=pk) for pk in sorted(wanted - kept)
    )


def _record(action: str, trigger: DataTrigger, by: Actor) -> None:
    keys = sorted(trigger.watched.values_list("dataset__asset__key", flat=True))
    about = ("job", trigger.job.key, trigger.job.key)
    record(action, by=by, about=about, datasets=keys, gathering=trigger.gathering, params=trigger.params)
