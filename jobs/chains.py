"""What runs have led to: the runs that their success started, and those further on that failed."""

from collections.abc import Iterator, Sequence

from jobs.choices import RunState
from jobs.models import Run
from jobs.models.run import LONGEST_CHAIN
from portal.accounts.models import User
from portal.accounts.prepared import Prepared

_BEGUN: Prepared[Run] = Prepared(
    lambda *, user, jobs, principals: (
        Run.objects.visible_to(user).begun(jobs, principals).select_related("job")
    )
)
_AGAIN: Prepared[Run] = Prepared(
    lambda *, user, runs: (
        Run.objects.visible_to(user)
        .filter(rerun_of__in=runs)
        .select_related("job")
        .order_by("rerun_of_id", "-id")
        .distinct("rerun_of_id")
    )
)


def begun_by(runs: Sequence[Run], user: User) -> list[Run]:
    """Return the runs that the success of these has started, as far as this person may know of them."""
    if not runs:
        return []
    return _BEGUN(user=user, jobs={run.job_id for run in runs}, principals={f"run:{run.pk}" for run in runs})


def failed_after(run: Run, user: User) -> list[Run]:
    """Return the runs that this run has led to and that did not succeed, the first in each branch.

    A run that was started again is judged by its newest repetition. Two queries for each step away.
    """
    ends = RunState.ends() - {RunState.SUCCEEDED}
    return [each for each in newest_after(run, user) if each.state in ends]


def newest_after(run: Run, user: User) -> Iterator[Run]:
    """Yield the runs that this run has led to, each in its newest repetition, on to what did not succeed."""
    front, seen = [run], {run.pk}
    while front and len(seen) < LONGEST_CHAIN:
        newest = [each for each in _newest_of(begun_by(front, user), user) if each.pk not in seen]
        seen |= {each.pk for each in newest}
        yield from newest
        front = [each for each in newest if each.state == RunState.SUCCEEDED]


def _newest_of(runs: list[Run], user: User) -> list[Run]:
    """Return each run, or where it was started again its newest repetition."""
    if not runs:
        return []
    again = {each.rerun_of_id: each for each in _AGAIN(user=user, runs={run.pk for run in runs})}
    return [again.get(each.pk, each) for each in runs]
