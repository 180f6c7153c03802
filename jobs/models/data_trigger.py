"""What starts a job when datasets are published: one of them, or each of them since the last start."""

from collections.abc import Collection

from django.db import models

from catalog.models import Dataset
from jobs.choices import Gathering, Trigger
from jobs.models.job import Job
from jobs.models.run import Run, RunEvent


class DataTriggerQuerySet(models.QuerySet["DataTrigger"]):
    """Choose triggers by new data."""

    def fire(self, run: Run, keys: Collection[str]) -> list[Run]:
        """Queue what waits for these datasets, once each; called where the run's success is written.

        A dataset counts only where this run is the newest that published it. A job that already stands in the
        chain of runs that led here is not started: a circle that came about later ends after one round.
        The many runs of a backfill start nothing.
        """
        if run.backfill_id is not None:
            return []
        fresh = list(
            Dataset.objects.filter(asset__key__in=keys, published_by=run.pk).values_list("pk", flat=True)
        )
        waiting = WatchedDataset.objects.filter(dataset__in=fresh).values("trigger")
        # Locked in one order: of two runs that publish at once, the second sees what the first has marked.
        triggers = (
            self.filter(pk__in=waiting, enabled=True, job__enabled=True)
            .select_related("job__pool")
            .order_by("pk")
            .select_for_update(of=("self",))
        )
        before: set[int] | None = None
        started = []
        for trigger in triggers:
            trigger.watched.filter(dataset__in=fresh).update(fresh_by=run.pk)
            if trigger.gathering == Gathering.ALL and trigger.watched.filter(fresh_by=None).exists():
                continue
            trigger.watched.update(fresh_by=None)
            before = Run.objects.jobs_leading_to(run) if before is None else before
            if trigger.job_id in before:
                data = {"job": trigger.job.key, "trigger": trigger.pk}
                RunEvent.objects.create(run=run, kind="circle_stopped", data=data)
                continue
            started.append(trigger.start(run))
        return started


class DataTrigger(models.Model):
    """Starts its job by new data; several triggers of one job start it independently."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="data_triggers")
    gathering = models.CharField(max_length=3, choices=Gathering, default=Gathering.ANY)
    params = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    datasets: "models.ManyToManyField[Dataset, WatchedDataset]" = models.ManyToManyField(
        Dataset, through="WatchedDataset", related_name="+"
    )

    objects = DataTriggerQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"new data for {self.job_id}"

    def start(self, origin: Run) -> Run:
        """Queue the job because of what a run has published; the same news again starts nothing."""
        run, created = Run.objects.insert_once(
            Run.of(
                self.job,
                trigger=Trigger.DATA,
                idempotency_key=f"data:{self.pk}:{origin.pk}",
                principal=f"run:{origin.pk}",
                requested_by_id=origin.requested_by_id,
                params=self.params,
            )
        )
        if created:
            data = {"trigger": Trigger.DATA, "after": origin.number}
            RunEvent.objects.create(run=run, kind="queued", data=data)
        return run


class WatchedDataset(models.Model):
    """A dataset that a trigger watches; ``fresh_by`` is the run that published it since the last start."""

    trigger = models.ForeignKey(DataTrigger, on_delete=models.CASCADE, related_name="watched")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+")
    fresh_by = models.UUIDField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["trigger", "dataset"], name="watched_dataset_once"),
        ]

    def __str__(self) -> str:
        return f"{self.trigger_id} watches {self.dataset_id}"
