"""Any number of operators, of which one acts: the next takes over in time, an old one that wakes up does nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from control_plane import ControlPlane, RefusedError
from counting_proxy import CountingProxy
from live_operator import LEASE, Jobs, Stack, Watch, eventually
from own_thread import running

TAKE_OVER_SECONDS = 10.0
LEASE_SECONDS = "5"
"""Where a standby has to watch the Lease stand still from its beginning, which takes all of it."""
LONGER_LEASE_SECONDS = "8"
"""Where nothing but the end of it is waited for."""


def test_a_second_operator_stands_by_and_takes_over(jobs: Jobs, stack: Stack) -> None:
    with (
        stack.operator(LEASE_SECONDS=LEASE_SECONDS) as first,
        stack.operator(wait=False, LEASE_SECONDS=LEASE_SECONDS) as second,
    ):
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
    """Long before its time, which is 30 s."""
    with stack.operator() as first, stack.operator(wait=False) as second:
        eventually(lambda: second.state() == "standby", "a standby")

        assert 0 == first.stop()

        left = time.monotonic()
        second.wait_ready()
        assert time.monotonic() - left <= 20
    assert "" == stack.plane.call("GET", LEASE)["spec"]["holderIdentity"]


def test_a_leader_that_was_frozen_writes_nothing_when_it_wakes(jobs: Jobs, stack: Stack, tmp_path: Path) -> None:
    """Nothing ends meanwhile, of which the new one would have to write."""
    end = tmp_path / "end"
    spec = {"task": "wait_for", "payload": {"path": str(end)}}
    with (
        stack.operator(LEASE_SECONDS=LONGER_LEASE_SECONDS) as old,
        stack.operator(wait=False, LEASE_SECONDS=LONGER_LEASE_SECONDS) as new,
    ):
        jobs.create("before", **spec)
        jobs.until("before", "Running")
        old.freeze()
        jobs.create("meanwhile", **spec)
        new.wait_ready()
        jobs.until("meanwhile", "Running")
        holder = stack.plane.call("GET", LEASE)["spec"]["holderIdentity"]

        with Watch(stack.plane, jobs.collection) as watch:
            old.thaw()
            assert 3 == old.process.wait(60)
            seen = watch.writes()

        assert 0 == seen
        assert holder == stack.plane.call("GET", LEASE)["spec"]["holderIdentity"]
        end.touch()
        jobs.until("before", "Completed")
        jobs.until("meanwhile", "Completed")
        assert 2 == len(stack.engine_jobs(jobs.namespace))


def test_a_leader_whose_lease_was_taken_ends_and_the_next_leads_in_time(
    jobs: Jobs, stack: Stack, plane: ControlPlane
) -> None:
    """By whoever it was: a stranger took it, and never renews it."""

    def take() -> Any:
        lease = plane.call("GET", LEASE)
        lease["spec"]["holderIdentity"] = "a-stranger"
        try:
            return plane.call("PUT", LEASE, lease)
        except RefusedError as error:
            if error.code != 409:
                raise
            return None  # the leader renewed it in between

    with (
        stack.operator(LEASE_SECONDS=LEASE_SECONDS) as first,
        stack.operator(wait=False, LEASE_SECONDS=LEASE_SECONDS) as second,
    ):
        eventually(lambda: second.state() == "standby", "a standby")

        eventually(take, "the Lease is taken")
        taken = time.monotonic()
        jobs.create("meanwhile")

        assert 3 == first.process.wait(TAKE_OVER_SECONDS)
        assert "another operator holds the Lease" in first.log()
        second.wait_ready()
        assert time.monotonic() - taken <= TAKE_OVER_SECONDS
        jobs.until("meanwhile", "Completed")
        assert 1 == len(stack.engine_jobs(jobs.namespace))


def test_a_leader_that_cannot_renew_ends_and_the_next_leads_in_time(
    jobs: Jobs, stack: Stack, plane: ControlPlane
) -> None:
    """All else of the API server still answers it."""
    proxy = CountingProxy(
        plane.url, counted=lambda method, path: method == "PUT" and path == LEASE, cafile=plane.authority
    )

    def cut(_number: int, _when: str) -> None:
        raise ConnectionError

    with (
        running(proxy),
        stack.operator(plane.kubeconfig_through(proxy.url), LEASE_SECONDS=LEASE_SECONDS) as first,
        stack.operator(wait=False, LEASE_SECONDS=LEASE_SECONDS) as second,
    ):
        eventually(lambda: second.state() == "standby", "a standby")

        proxy.act = cut
        since = time.monotonic()

        assert 3 == first.process.wait(TAKE_OVER_SECONDS)
        assert "the Lease could not be renewed" in first.log()
        second.wait_ready()
        assert time.monotonic() - since <= TAKE_OVER_SECONDS
        jobs.create("after")
        jobs.until("after", "Completed")
