"""Load the demonstration, and take it away again."""

from django.db import transaction

from catalog.actions import assets
from catalog.actions.lineage import forget
from catalog.actions.search import reindex
from catalog.choices import AssetKind, Certification, NodeKind
from catalog.models import Asset, Dataset, Metric
from jobs.actions import jobs, runs
from jobs.choices import RunState, Trigger
from jobs.models import Job
from jobs.pipelines.flights_tables import TABLES
from portal.accounts.models import Team, User
from portal.audit.actions import Actor, record
from portal.audit.models import AuditEvent
from portal.demo.jobs import JOBS, MADE, remove_files, write_files
from portal.demo.metrics import METRICS, define_metrics
from portal.demo.people import CAST, TEAMS, load_people
from portal.demo.questions import load_questions, remove_questions
from portal.demo.weather import start_first_backfill
from portal.evidence.models import Evidence

LOADER = Actor.system("demo")
FIRST_JOBS = ("load-flights", "load-holidays")
CERTIFIED_TABLES = frozenset({"flights", "airlines", "airports", "weather"})
CERTIFIED_METRICS = frozenset({"ops.on_time_rate", "ops.cancellation_rate"})


def load() -> None:
    """Make what is missing of people, datasets, metrics and jobs, and start the first loads."""
    with transaction.atomic():
        is_new = not User.objects.filter(email__in=[person.email for person in CAST]).exists()
        people = load_people()
        if is_new:
            record("demo.loaded", by=LOADER, people=[person.name for person in people.values()])
        for definition in JOBS:
            jobs.register(definition=definition, by=LOADER)
        _announce_tables(people)
        define_metrics(by=LOADER)
        _certify(people["cleo"])
        write_files()
        for key in FIRST_JOBS:
            _start_first_load(key, people["dan"])
        start_first_backfill(people["dan"])
        load_questions(people)


def _announce_tables(people: dict[str, User]) -> None:
    """Register the tables before their first publish, so that their page says what is on its way."""
    for table in TABLES:
        key = f"ops.{table.name}"
        if Dataset.objects.filter(asset__key=key).exists():
            continue
        texts = {
            field: getattr(table, field)
            for field in ("name_en", "name_ko", "description_en", "description_ko")
        }
        asset, _ = assets.register(
            kind=AssetKind.DATASET,
            key=key,
            texts=texts,
            tags=table.tags,
            synonyms=table.synonyms,
            owner=people["dan"],
        )
        Dataset.objects.create(asset=asset, physical_name=key)
        reindex([asset])


def _certify(lead: User) -> None:
    keys = CERTIFIED_METRICS | {f"ops.{name}" for name in CERTIFIED_TABLES}
    # Only once for each: what somebody took back stays taken back at the next start.
    decided = AuditEvent.objects.filter(action="asset.certified", object_id__in=keys).values("object_id")
    for asset in Asset.objects.filter(key__in=keys).exclude(key__in=decided):
        assets.certify(asset=asset, certification=Certification.CERTIFIED, user=lead, by=Actor.person(lead))


def _start_first_load(key: str, engineer: User) -> None:
    job = Job.objects.get(key=key)
    if job.runs.filter(state__in=[*RunState.open(), RunState.SUCCEEDED]).exists():
        return
    runs.trigger(
        job=job,
        params={},
        by=Actor.person(engineer),
        trigger=Trigger.MANUAL,
        requested_by=engineer,
        principal="demo",
    )


@transaction.atomic
def remove() -> list[str]:
    """Delete what the demonstration loaded; return the lake's tables that are to be dropped after the commit.

    Runs, logs, points and charts go with their jobs and metrics; the audit trail stays.
    """
    remove_questions()
    tables = [*(f"ops.{table.name}" for table in TABLES), *MADE]
    metrics = Metric.objects.filter(asset__key__in=[metric.key for metric in METRICS])
    evidence = set(metrics.values_list("points__evidence", flat=True)) - {None}
    metrics.update(version=None)
    Asset.objects.filter(metric__in=metrics).delete()
    # What somebody cites in a question of their own stays with it.
    Evidence.objects.filter(pk__in=evidence, citations=None).delete()
    Asset.objects.filter(kind=AssetKind.DATASET, key__in=tables).delete()
    keys = [definition.key for definition in JOBS]
    Job.objects.filter(key__in=keys).delete()
    forget(
        nodes=[
            *((NodeKind.DATASET.value, table) for table in tables),
            *((NodeKind.METRIC.value, metric.key) for metric in METRICS),
            *((NodeKind.JOB.value, key) for key in keys),
        ]
    )
    User.objects.filter(email__in=[person.email for person in CAST]).delete()
    Team.objects.filter(key__in=[group.key for group in TEAMS], members=None).delete()
    transaction.on_commit(remove_files)
    record("demo.removed", by=LOADER, tables=tables)
    return tables
