"""Tell webhooks of runs and of the datasets that they publish; nothing is read while no endpoint listens."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.conf import settings
from django.db.models import Exists, QuerySet
from django.urls import reverse

from jobs.choices import REPORT_KIND, RunState
from jobs.marks import SILENT_JOBS, WEBHOOKS, beyond, event_word, forget, read_on
from jobs.models import Run, RunEvent, TellingMark
from portal.webhooks.actions import Happening, emit, heard_since, hearing
from portal.webhooks.choices import Event

_FAILED: Final = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.LOST})
_WORDS: Final[dict[str, Event]] = {
    "started": Event.RUN_STARTED,
    RunState.SUCCEEDED: Event.RUN_SUCCEEDED,
    **dict.fromkeys(_FAILED, Event.RUN_FAILED),
    RunState.CANCELLED: Event.RUN_CANCELLED,
    RunState.SKIPPED: Event.RUN_SKIPPED,
}


def announce_runs() -> int:
    """Record the events of runs since the last round for the endpoints; return how many deliveries."""
    since = heard_since()
    if since is None:
        forget(WEBHOOKS)
        return 0
    return read_on(WEBHOOKS, _announce, since=since)


def announcing_signs() -> Iterable[QuerySet[Any, Any]]:
    """Give the clock what tells that an endpoint waits to hear of a run, or that nobody listens any more."""
    heard = Exists(hearing())
    return [beyond(WEBHOOKS).filter(heard), TellingMark.objects.filter(~heard, pk=WEBHOOKS)]


def _announce(events: list[RunEvent]) -> int:
    runs = (
        Run.objects.filter(pk__in={each.run_id for each in events})
        .exclude(job__key__in=SILENT_JOBS)
        .select_related("job")
        .in_bulk()
    )
    return emit([one for each in events if each.run_id in runs for one in _of(each, runs[each.run_id])])


def _of(event: RunEvent, run: Run) -> Iterator[Happening]:
    word = _WORDS.get(event_word(event))
    if word is None:
        return
    common: dict[str, Any] = {"job": run.job.key, "at": event.at}
    # Each attempt has a start, the run only one.
    once = f"{word}:{run.pk}"
    yield Happening(
        event=word, about=("run", str(run.pk)), once=once, data={"run": _run(run, event)}, **common
    )
    if word is Event.RUN_SUCCEEDED and run.job.kind == REPORT_KIND:
        yield Happening(
            event=Event.REPORT_PUBLISHED,
            about=("report", str(run.pk)),
            once=f"{Event.REPORT_PUBLISHED}:{run.pk}",
            data={"report": _edition(run)},
            **common,
        )
    if word is Event.RUN_SUCCEEDED:
        for entry in run.outputs.get("datasets") or []:
            # A check names the dataset that it looked at, without rows of its own.
            if "row_count" in entry:
                yield Happening(
                    event=Event.DATASET_UPDATED,
                    about=("dataset", str(entry["key"])),
                    once=f"{Event.DATASET_UPDATED}:{run.pk}:{entry['key']}",
                    data={"dataset": _dataset(entry)},
                    **common,
                )


def _run(run: Run, event: RunEvent) -> dict[str, Any]:
    ended = event_word(event) != "started"
    return {
        "id": str(run.pk),
        "number": run.number,
        "url": settings.PUBLIC_URL + reverse("run", args=[run.number]),
        "job": {"key": run.job.key, "name": run.job.name_en, "kind": run.job.kind},
        "state": event_word(event) if ended else RunState.RUNNING.value,
        "trigger": run.trigger,
        "slot": run.slot.isoformat() if run.slot else None,
        "partition": run.partition or None,
        "attempt": run.attempt,
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished_at": run.finished_at.isoformat() if ended and run.finished_at else None,
        "error": run.told_error if ended and run.state in _FAILED else None,
    }


def _edition(run: Run) -> dict[str, Any]:
    sections = run.outputs.get("sections") or []
    args = [run.job.key, run.number]
    return {
        "key": run.job.key,
        "name": run.job.name_en,
        "edition": run.number,
        "url": settings.PUBLIC_URL + reverse("report_edition", args=args),
        "api": settings.PUBLIC_URL + reverse("api_edition", args=args),
        "incomplete": bool(run.outputs.get("incomplete")),
        "sections": len(sections),
        "failed_sections": sum("failed" in each for each in sections),
    }


def _dataset(entry: dict[str, Any]) -> dict[str, Any]:
    key = str(entry["key"])
    return {
        "key": key,
        "row_count": entry.get("row_count"),
        "snapshot": entry.get("snapshot"),
        "url": settings.PUBLIC_URL + reverse("dataset", args=[key]),
    }
