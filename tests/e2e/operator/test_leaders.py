"""Any number of operators, of which one acts: the next takes over in time, an old one that wakes up does nothing."""

from __future__ import annotations

import time

from live_operator import SYSTEM, Jobs, Stack, Watch, eventually

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/taskjob-operator"
TAKE_OVER_SECONDS = 10.0


def test_a_second_operator_stands_by_and_takes_over(jobs: Jobs, stack: Stack) -> None:
    with stack.operator() as first, stack.operator(wait=False) as second:
        eventually(lambda: second.state() == "standby", "a standby")
        jobs.create("one")
        jobs.until("one", "Completed")

        first.kill()
        died = time.monotonic()
        second.wait_ready()
        assert time.monotonic() - died <= TAKE_OVER_SECONDS

        jobs.create("two")
        jobs.until("two", "Completed")


def test_a_clean_exit_hands_the_lease_over_at_once(stack: Stack) -> None:
    with stack.operator() as first, stack.operator(wait=False) as second:
        eventually(lambda: second.state() == "standby", "a standby")

        assert 0 == first.stop()

        left = time.monotonic()
        second.wait_ready()
        assert time.monotonic() - left <= 5
    assert "" == stack.plane.call("GET", LEASE)["spec"]["holderIdentity"]


def test_a_leader_that_was_frozen_writes_nothing_when_it_wakes(jobs: Jobs, stack: Stack) -> None:
    with stack.operator() as old, stack.operator(wait=False) as new:
        jobs.create("before", task="nap", payload={"seconds": 15})
        jobs.until("before", "Running")
        old.freeze()
        jobs.create("meanwhile", task="nap", payload={"seconds": 15})
        new.wait_ready()
        jobs.until("meanwhile", "Running")
        holder = stack.plane.call("GET", LEASE)["spec"]["holderIdentity"]

        with Watch(stack.plane, jobs.collection) as watch:
            old.thaw()
            assert 3 == old.process.wait(20)
            seen = watch.writes()

        assert 0 == seen
        assert holder == stack.plane.call("GET", LEASE)["spec"]["holderIdentity"]
        jobs.until("before", "Completed")
        jobs.until("meanwhile", "Completed")
        assert 2 == len(stack.engine_jobs(jobs.namespace))
