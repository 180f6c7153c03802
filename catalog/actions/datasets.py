"""Take up what runs have published."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.actions import assets, lineage
from catalog.actions.search import reindex
from catalog.choices import AssetKind, NodeKind, Sensitivity, Visibility
from catalog.models import Asset, Column, Dataset
from catalog.published import PublishedCheck, PublishedColumn, PublishedDataset
from portal.accounts.models import Team, User
from portal.audit.actions import Actor, record
from portal.warehouse.personal import MASKED_PROFILE, mask


@transaction.atomic
def record_publish(
    *, published: Sequence[PublishedDataset], job_key: str, run_id: UUID | str, by: Actor
) -> list[Dataset]:
    """Register or refresh the datasets that a run of this job has published; return those that changed.

    What a person wrote stays (see ``assets.register``). A dataset that a newer run has published meanwhile
    is left as it is: run ids sort by time, and this news is old.
    """
    run = UUID(str(run_id))
    taken_up = [
        dataset
        # In the order of their keys, so that two runs lock them in the same order.
        for each in sorted(published, key=lambda one: one.key)
        if (dataset := _take_up(each, run=run, by=by)) is not None
    ]
    if published:
        job = (NodeKind.JOB.value, job_key)
        inputs = {(kind, key) for each in published for kind, key in each.upstream}
        lineage.replace_inputs(node=job, upstream=inputs - {job}, source="run")
        for each in published:
            node = (NodeKind.DATASET.value, each.key)
            lineage.replace_inputs(node=node, upstream={job, *each.upstream} - {node}, source="run")
    reindex([dataset.asset for dataset in taken_up])
    return taken_up


@transaction.atomic
def record_checks(
    *, key: str, checks: Sequence[PublishedCheck], job_key: str, run_id: UUID | str, by: Actor
) -> None:
    """Keep how checks of a published dataset went, in place of what the same job found before.

    They stand until the next publish: what was found then is not true of new rows.
    """
    dataset = Dataset.objects.select_for_update(of=("self",)).select_related("asset").get(asset__key=key)
    others = [check for check in dataset.checks if check.get("job", "") != job_key]
    dataset.checks = others + [
        check.model_copy(update={"job": job_key}).model_dump(mode="json") for check in checks
    ]
    dataset.save(update_fields=["checks"])
    record(
        "dataset.checked",
        by=by,
        about=assets.about(dataset.asset),
        passed=sum(check.passed for check in checks),
        failed=sum(not check.passed for check in checks),
        run=str(run_id),
    )


def _take_up(published: PublishedDataset, *, run: UUID, by: Actor) -> Dataset | None:
    texts = {
        field: getattr(published, field)
        for field in ("name_en", "name_ko", "description_en", "description_ko")
    }
    asset, created = assets.register(
        kind=AssetKind.DATASET,
        key=published.key,
        texts=texts,
        tags=published.tags,
        synonyms=published.synonyms,
        owner=User.objects.filter(email=published.owner_email).first() if published.owner_email else None,
        team=Team.objects.filter(key=published.team_key).first() if published.team_key else None,
    )
    if created and published.restricted and (asset.team_id or asset.owner_id):
        asset.visibility = Visibility.TEAM
        asset.save(update_fields=["visibility"])
    dataset, _ = Dataset.objects.get_or_create(
        asset=asset, defaults={"physical_name": published.physical_name}
    )
    kept = {column.name: column for column in dataset.columns.all()}
    columns = [
        _column(each, kept.get(each.name), edited=asset.edited_at is not None) for each in published.columns
    ]
    flagged = {column.name for column in columns if column.personal}
    changed = (
        Dataset.objects.filter(pk=dataset.pk)
        .filter(Q(published_by=None) | Q(published_by__lte=run))
        .update(
            physical_name=published.physical_name,
            row_count=published.row_count,
            snapshot=published.snapshot,
            published_at=timezone.now(),
            published_by=run,
            fresh_within=_seconds(published.fresh_within_seconds),
            checks=[check.model_dump() for check in published.checks],
            sample=_masked(published, flagged),
        )
    )
    if changed != 1:
        return None
    dataset.columns.all().delete()
    for position, column in enumerate(columns):
        column.dataset, column.position = dataset, position
    Column.objects.bulk_create(columns)
    _classify(asset, personal=bool(flagged))
    record(
        "dataset.published",
        by=by,
        about=assets.about(asset),
        created=created,
        rows=published.row_count,
        snapshot=published.snapshot,
        run=str(run),
    )
    return Dataset.objects.select_related("asset").get(pk=dataset.pk)


def _column(published: PublishedColumn, kept: Column | None, *, edited: bool) -> Column:
    fields = published.model_dump()
    if edited and kept is not None:
        fields["description_en"] = kept.description_en or published.description_en
        fields["description_ko"] = kept.description_ko or published.description_ko
        fields["personal"] = kept.personal or published.personal
    if fields["personal"] and not published.personal:
        # The run did not know what a person has flagged since; its profile must not tell it either.
        fields.update(MASKED_PROFILE)
    return Column(**fields)


def _masked(published: PublishedDataset, flagged: set[str]) -> dict[str, Any]:
    known = {column.name for column in published.columns if column.personal}
    hidden = {index for index, name in enumerate(published.sample.columns) if name in flagged - known}
    rows = [
        [mask(cell) if index in hidden else cell for index, cell in enumerate(row)]
        for row in published.sample.rows
    ]
    return {"columns": published.sample.columns, "rows": rows}


def _classify(asset: Asset, *, personal: bool) -> None:
    if personal and asset.sensitivity in {Sensitivity.PUBLIC, Sensitivity.INTERNAL}:
        asset.sensitivity = Sensitivity.PERSONAL
        asset.save(update_fields=["sensitivity"])


def _seconds(value: int | None) -> timedelta | None:
    return timedelta(seconds=value) if value is not None else None
