"""F30 for runs: workers, clocks, people and other systems take random turns; a model says what may be."""

import json
import os
from collections import Counter
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jobs.actions import runs
from jobs.choices import ErrorClass, RunState, Trigger
from jobs.engine import clock, finish
from jobs.engine.claim import claim
from jobs.engine.report import failure_of
from jobs.exceptions import CancelMissed, IdempotencyConflict, RunAlreadyEnded
from jobs.models import Job, Run
from portal.accounts.actions import tokens
from portal.audit.actions import Actor
from tests.conftest import Cast
from tests.factories.jobs import make_job
from tests.faults.invariants import assert_invariants
from tests.stateful import take_turns

# `make soak` takes more.
STEPS = int(os.environ.get("F30_STEPS", "1500"))
A_RUN = 50
KEYS = ("monday", "tuesday", None, None)
MOST_ACTIVE = 2
BY = Actor.system("tests")
GOES_TO = {
    # What was begun elsewhere before a try was lost is looked after there, to have it stopped.
    "queued": {"queued", "running", "cancelled", "deferred"},
    "running": {"running", "queued", "deferred", "succeeded", "failed", "timed_out", "cancelled", "lost"},
    "deferred": {"deferred", "running", "cancelled"},
}
FAULTS = (ErrorClass.USER_CODE, ErrorClass.BAD_INPUT, ErrorClass.CRASH, ErrorClass.WAREHOUSE)
ENDINGS = ("succeed", "fail", "cancelled", "hand_over", "time_out", "defer")
# One rule draws from these, for hypothesis switches off rules for a whole example: most examples
# would have nobody who takes a run, or nobody who ends it.
TURNS = (
    "trigger",
    "reuse_a_key_for_something_else",
    "cancel",
    "take",
    "take",
    "end",
    "end",
    "fall_silent",
    "be_replaced",
    "time_passes",
)
seen: Counter[str] = Counter()


class Runs(RuleBasedStateMachine):
    """The runs of two jobs: one works here, the other's work goes on in another system."""

    # What hypothesis cannot hand over: the test sets it.
    cast: Cast
    client: Client
    headers: dict[str, str]
    principal: str

    @initialize()
    def begin(self):
        # What an earlier example left would be claimed by this one.
        cache.clear()
        Run.objects.all().delete()
        Job.objects.all().delete()
        self.jobs = [
            make_job("here", max_attempts=2, max_active_runs=MOST_ACTIVE, backoff=1, backoff_cap=1),
            make_job("there", kind="airflow_dag", max_attempts=2, max_active_runs=MOST_ACTIVE),
        ]
        self.keyed, self.held, self.last = {}, [], {}

    @rule(what=st.sampled_from(TURNS), data=st.data())
    def turn(self, what, data):
        getattr(self, what)(data.draw)

    # --- people and other systems

    def trigger(self, draw):
        job, key, over_http = (
            draw(st.sampled_from(self.jobs)),
            draw(st.sampled_from(KEYS)),
            draw(st.booleans()),
        )
        known = self.keyed.get((job.key, key))
        if over_http and key:
            answer = self._post(f"/api/v1/jobs/{job.key}/runs", {"params": {}}, key)
            assert answer.status_code == (200 if known else 201)
            found, created = answer.json()["id"], answer.status_code == 201
        else:
            done = self._trigger(job, key)
            found, created = str(done.run.pk), done.created
        assert created is (known is None), "one key makes one run, whichever way it comes"
        assert known in {None, found}
        if key:
            self.keyed[job.key, key] = found

    def reuse_a_key_for_something_else(self, draw):
        job, key = self.jobs[0], draw(st.sampled_from(KEYS[:2]))
        if (job.key, key) not in self.keyed:
            return
        earlier = Run.objects.get(pk=self.keyed[job.key, key])
        with pytest.raises(IdempotencyConflict):
            self._trigger(job, key, rerun_of=earlier)

    def cancel(self, draw):
        if not self.last:
            return
        run = Run.objects.select_related("job").get(pk=draw(st.sampled_from(sorted(self.last))))
        if draw(st.booleans()):
            status = self._post(f"/api/v1/runs/{run.pk}/cancel", None, "").status_code
            assert status == (202 if run.is_open else 409)
        else:
            try:
                runs.cancel(run=run, by=BY)
            except RunAlreadyEnded:
                assert not run.is_open
            except CancelMissed:
                pytest.fail("nobody else was there to be missed")
        after = Run.objects.get(pk=run.pk)
        assert after.cancel_requested_at or not run.is_open
        if run.state == "queued" and run.job.kind == "python":
            assert after.state == "cancelled"

    # --- workers

    def take(self, draw):
        found = claim("tests")
        if found is None:
            return
        run = Run.objects.select_related("job").get(pk=found.run_id)
        assert self.last.get(run.pk, ("queued", 0))[0] in {"queued", "deferred"}
        assert (run.state, run.fence) == ("running", found.fence)
        active = Run.objects.filter(job=run.job, state__in=["running", "deferred"])
        # What is only stopped elsewhere does not wait for a place.
        active = active.exclude(looks__gt=0, cancel_requested_at__isnull=False)
        assert active.count() <= MOST_ACTIVE, "a job never has more runs at once than it allows"
        seen["taken again" if found.fence > 1 else "taken"] += 1
        self.held.append(found)

    def end(self, draw):
        if not self.held:
            return
        held, how = draw(st.sampled_from(self.held)), draw(st.sampled_from(ENDINGS))
        run = Run.objects.get(pk=held.run_id)
        newest = run.state == "running" and run.fence == held.fence
        if how == "defer" and held.kind == "python":
            how = "succeed"
        failure = failure_of(draw(st.sampled_from(FAULTS)), "It broke.")
        done = {
            "succeed": lambda: finish.succeed(held, {}, {}),
            "fail": lambda: finish.fail(held, failure, {}, cancelled=False),
            "cancelled": lambda: finish.fail(held, failure, {}, cancelled=True),
            "hand_over": lambda: finish.hand_over(held, {}),
            "time_out": lambda: finish.time_out(held, {}),
            "defer": lambda: finish.defer(held, {"system": "Airflow", "id": "x"}, {}, delay=1),
        }[how]()
        assert done is newest, f"{how} counts if and only if the holder has the newest fence"
        after = Run.objects.get(pk=held.run_id)
        seen["ended by its holder" if newest else f"stale while {run.state}"] += 1
        if newest:
            assert after.state != "running"
        else:
            assert (after.state, after.fence) == (run.state, run.fence), "a stale holder changes nothing"
        # A holder that does not know yet that it has lost the run may try once more.
        if not draw(st.booleans()):
            self.held.remove(held)

    # --- clocks

    def fall_silent(self, draw):
        if not self.held:
            return
        held = draw(st.sampled_from(self.held))
        mine = Run.objects.filter(pk=held.run_id, fence=held.fence, state="running")
        there = mine.update(lease_until=Now() - timedelta(seconds=1))
        assert clock.reap() == there

    def be_replaced(self, draw):
        for step in (self.fall_silent, self.time_passes, self.take):
            step(draw)
            self.no_run_goes_back()

    def time_passes(self, draw):
        Run.objects.filter(state__in=["queued", "deferred"]).update(available_at=Now())
        clock.cancel_between_holders()
        clock.skip_late()

    # --- what must hold

    @invariant()
    def no_run_goes_back(self):
        if not hasattr(self, "jobs"):
            return
        now = {run.pk: run for run in Run.objects.all()}
        assert set(self.last) <= set(now), "no accepted run is lost"
        for pk, run in now.items():
            state, fence = self.last.get(pk, (run.state, run.fence))
            assert run.state == state or run.state in GOES_TO.get(state, set()), f"{state} → {run.state}"
            assert run.fence >= fence
            assert (run.finished_at is not None) is (RunState(run.state) in RunState.ends())
            assert (run.lease_until is not None) is (run.state == "running")
            assert run.attempt <= run.max_attempts + run.hand_overs + run.looks
        self.last = {pk: (run.state, run.fence) for pk, run in now.items()}

    def teardown(self):
        if hasattr(self, "jobs"):
            assert_invariants(all_ended=False)

    def _trigger(self, job, key, **more):
        return runs.trigger(
            job=job,
            params={},
            by=BY,
            trigger=Trigger.API,
            requested_by=self.cast.dan,
            principal=self.principal,
            idempotency_key=key,
            **more,
        )

    def _post(self, path, body, key):
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        return self.client.post(
            path, json.dumps(body or {}), content_type="application/json", headers=headers
        )


@pytest.mark.django_db
def test_no_order_of_events_leads_a_run_astray(cast):
    made = tokens.create(owner=cast.dan, name="machine", scopes=["jobs:run"], days=1, by=BY)
    Runs.cast, Runs.client, Runs.headers = cast, Client(), {"Authorization": f"Bearer {made.secret}"}
    Runs.principal = f"token:{made.token.pk}"
    seen.clear()
    take_turns(Runs, examples=STEPS // A_RUN + 5, steps=A_RUN)
    # A machine in which hardly anything happens finds nothing.
    least = {"taken": 20, "taken again": 20, "ended by its holder": 20, "stale while running": 3}
    assert all(seen[what] >= number for what, number in least.items()), seen
