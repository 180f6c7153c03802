"""Find jobs that would start each other for ever: by «after», and by publishing what the next waits for."""

from collections import deque
from collections.abc import Collection

from catalog.choices import NodeKind
from catalog.models import LineageEdge
from jobs.models import Job, WatchedDataset

_Node = tuple[str, str]
_JOB, _DATASET = NodeKind.JOB.value, NodeKind.DATASET.value


def path_back(job: Job, *, jobs: Collection[str] = (), datasets: Collection[str] = ()) -> list[str]:
    """Return the keys along the circle that would close if these jobs or datasets started this job.

    Empty where there is none. What a job publishes is known from its runs: what it has never published yet
    cannot be seen here, and is stopped when it happens.
    """
    wanted = {(_JOB, key) for key in jobs} | {(_DATASET, key) for key in datasets}
    start = (_JOB, job.key)
    if start in wanted:
        return [job.key, job.key]
    following = _edges()
    came_from: dict[_Node, _Node] = {}
    front = deque([start])
    while front:
        here = front.popleft()
        for node in following.get(here, ()):
            if node == start or node in came_from:
                continue
            came_from[node] = here
            if node in wanted:
                return [*_walk(node, came_from), job.key]
            front.append(node)
    return []


def _walk(node: _Node, came_from: dict[_Node, _Node]) -> list[str]:
    path = [node[1]]
    while node in came_from:
        node = came_from[node]
        path.append(node[1])
    return path[::-1]


def _edges() -> dict[_Node, list[_Node]]:
    """Return what each job and dataset sets going; there are some hundreds of jobs, not millions."""
    found: dict[_Node, list[_Node]] = {}
    for before, after in Job.objects.filter(followers__isnull=False).values_list("key", "followers__key"):
        found.setdefault((_JOB, before), []).append((_JOB, str(after)))
    made = LineageEdge.objects.filter(upstream_kind=_JOB, downstream_kind=_DATASET)
    for job, dataset in made.values_list("upstream_key", "downstream_key"):
        found.setdefault((_JOB, job), []).append((_DATASET, dataset))
    watched = WatchedDataset.objects.values_list("dataset__asset__key", "trigger__job__key")
    for dataset, job in watched:
        found.setdefault((_DATASET, dataset), []).append((_JOB, job))
    return found
