"""A chain of jobs goes on from where it failed; what succeeded is not repeated."""

from collections.abc import Callable

import pytest

from jobs.actions import runs
from jobs.chains import failed_after
from jobs.choices import ErrorClass, RunState, Trigger
from jobs.engine import finish
from jobs.engine.claim import Claim, claim
from jobs.engine.report import Failure
from jobs.models import Job, Run
from portal.accounts.models import User
from tests.conftest import Cast
from tests.unit.jobs.conftest import TESTS

pytestmark = pytest.mark.django_db
Make = Callable[..., Job]


def work(*, failing: set[str]) -> list[str]:
    """Run everything that is queued to its end; return the jobs in the order they ran."""
    ran = []
    while isinstance(claimed := claim("w"), Claim):
        ran.append(claimed.job_key)
        if claimed.job_key in failing:
            failure = Failure(ErrorClass.BAD_INPUT, "no file")
            assert finish.fail(claimed, failure, {}, cancelled=False)
        else:
            assert finish.succeed(claimed, {}, {})
    return ran


def again(root: Run, person: User) -> list[Run]:
    return runs.run_failed_again(
        after=root, by=TESTS, how=Trigger.MANUAL, requested_by=person, principal=f"user:{person.pk}"
    )


@pytest.fixture
def chain(make_job: Make) -> Job:
    first = make_job("first")
    make_job("left", after=("first",))
    make_job("right", after=("first",))
    make_job("last", after=("right",))
    return first


def test_it_goes_on_from_what_failed(chain: Job, start: Callable[..., Run], cast: Cast) -> None:
    root = start(chain)
    assert work(failing={"right"}) == ["first", "left", "right"]
    assert [run.job.key for run in failed_after(root, cast.dan)] == ["right"]
    started = again(root, cast.dan)
    assert [run.job.key for run in started] == ["right"]
    assert failed_after(root, cast.dan) == []
    assert work(failing=set()) == ["right", "last"]
    assert failed_after(root, cast.dan) == []


def test_a_double_click_and_a_second_failure(chain: Job, start: Callable[..., Run], cast: Cast) -> None:
    root = start(chain)
    work(failing={"right", "left"})
    first = again(root, cast.dan)
    assert len(first) == 2
    assert again(root, cast.dan) == []
    work(failing={"right"})
    second = again(root, cast.dan)
    assert [run.job.key for run in second] == ["right"]
    assert work(failing={"last"}) == ["right", "last"]
    assert [run.job.key for run in failed_after(root, cast.dan)] == ["last"]


def test_what_is_off_or_invisible_is_left_out(chain: Job, start: Callable[..., Run], cast: Cast) -> None:
    root = start(chain)
    work(failing={"right", "left"})
    Job.objects.filter(key="left").update(enabled=False)
    Job.objects.filter(key="right").update(private=True)
    assert again(root, cast.ben) == []
    assert Run.objects.filter(state=RunState.QUEUED).count() == 0


def test_it_starts_only_what_the_person_may_start(chain: Job, start: Callable[..., Run], cast: Cast) -> None:
    root = start(chain)
    work(failing={"right", "left"})
    Job.objects.get(key="left").runners.add(cast.finn)
    assert [run.job.key for run in runs.to_run_again(after=root, by=cast.finn)] == ["left"]
    started = again(root, cast.finn)
    assert [run.job.key for run in started] == ["left"]


def test_what_comes_after_takes_the_defaults_of_its_parameters(chain: Job, start: Callable[..., Run]) -> None:
    start(chain)
    work(failing=set())
    assert [run.params for run in Run.objects.all()] == [{"seconds": 0.0, "note": ""}] * 4
