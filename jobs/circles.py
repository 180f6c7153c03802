"""Find jobs that would start each other for ever: by «after», and by publishing what the next waits for."""

from collections import deque
from collections.abc import Collection, Sequence

from catalog.choices import NodeKind
from catalog.models import LineageEdge
from jobs.models import Job, WatchedDataset
from portal.accounts.models import User
from portal.events import Reference, nodes

_JOB, _DATASET = NodeKind.JOB.value, NodeKind.DATASET.value


def path_back(job: str, *, jobs: Collection[str] = (), datasets: Collection[str] = ()) -> list[Reference]:
    """Return the circle that would close if these jobs or datasets started the job of this key.

    Empty where there is none. What a job publishes is known from its runs: what it has never published yet
    cannot be seen here, and is stopped when it happens.
    """
    wanted = {(_JOB, key) for key in jobs} | {(_DATASET, key) for key in datasets}
    start = (_JOB, job)
    if start in wanted:
        return [start, start]
    following = _edges()
    came_from: dict[Reference, Reference] = {}
    front = deque([start])
    while front:
        here = front.popleft()
        for node in following.get(here, ()):
            if node == start or node in came_from:
                continue
            came_from[node] = here
            if node in wanted:
                return [*_walk(node, came_from), start]
            front.append(node)
    return []


def shown_path(path: Sequence[Reference], reader: User | None) -> str:
    """Return the keys along a circle, with «…» for what the reader may not know of; without one, all."""
    seen = nodes.resolve(path, reader).keys() if reader is not None else set(path)
    return " → ".join(node[1] if node in seen else "…" for node in path)


def _walk(node: Reference, came_from: dict[Reference, Reference]) -> list[Reference]:
    path = [node]
    while node in came_from:
        node = came_from[node]
        path.append(node)
    return path[::-1]


def _edges() -> dict[Reference, list[Reference]]:
    """Return what each job and dataset sets going; there are some hundreds of jobs, not millions."""
    found: dict[Reference, list[Reference]] = {}
    for before, after in Job.objects.filter(followers__isnull=False).values_list("key", "followers__key"):
        found.setdefault((_JOB, before), []).append((_JOB, str(after)))
    made = LineageEdge.objects.filter(upstream_kind=_JOB, downstream_kind=_DATASET)
    for job, dataset in made.values_list("upstream_key", "downstream_key"):
        found.setdefault((_JOB, job), []).append((_DATASET, dataset))
    watched = WatchedDataset.objects.values_list("dataset__asset__key", "trigger__job__key")
    for dataset, job in watched:
        found.setdefault((_DATASET, dataset), []).append((_JOB, job))
    return found
