"""The Lease, on an API server that keeps versions: its name tells who holds it, its version whether that one lives."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from running_parts import SteadyClock, running, until
from scripted_cluster import ScriptedCluster

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.leadership import LEASE_NAME, Leadership, NotLeadingError

NS = "taskjob-system"
SECONDS = 0.25


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


def candidate(kube: KubeClient, clock: SteadyClock, identity: str = "one") -> Leadership:
    return Leadership(kube, NS, identity, lease_seconds=SECONDS, clock=clock)


def lease(cluster: ScriptedCluster) -> dict[str, Any]:
    return dict(cluster.get("leases", NS, LEASE_NAME)["spec"])


def write(cluster: ScriptedCluster, holder: str) -> None:
    """As somebody else."""
    cluster.put("leases", NS, LEASE_NAME, spec={"holderIdentity": holder, "leaseTransitions": 1})


async def looks(cluster: ScriptedCluster, number: int) -> None:
    """Wait until it was looked at that often from now on."""
    before = cluster.calls.count("get leases")
    await until(lambda: cluster.calls.count("get leases") >= before + number, "looks at the Lease")


async def test_a_lease_that_is_kept_is_one_term(cluster: ScriptedCluster, kube: KubeClient, clock: SteadyClock) -> None:
    leader = candidate(kube, clock)
    await leader.acquire()
    began = lease(cluster)["acquireTime"]

    async with running(leader.keep()):
        await until(lambda: cluster.calls.count("put leases") >= 3, "renewals")

    assert "one" == lease(cluster)["holderIdentity"]
    assert 1 == lease(cluster)["leaseTransitions"]
    assert began == lease(cluster)["acquireTime"]


async def test_a_released_lease_is_taken_at_once(
    cluster: ScriptedCluster, kube: KubeClient, clock: SteadyClock
) -> None:
    leader = candidate(kube, clock)
    await leader.acquire()
    await leader.release()
    assert "" == lease(cluster)["holderIdentity"]

    await asyncio.wait_for(candidate(kube, clock, "two").acquire(), 10)

    assert "two" == lease(cluster)["holderIdentity"]
    assert 2 == lease(cluster)["leaseTransitions"]


async def test_a_lease_is_taken_over_only_after_it_stood_still_for_its_whole_time(
    cluster: ScriptedCluster, kube: KubeClient, clock: SteadyClock
) -> None:
    write(cluster, "one")
    second = candidate(kube, clock, "two")
    async with running(second.acquire()):
        await looks(cluster, 3)
        clock.now += 0.6 * SECONDS
        write(cluster, "one")  # it lives
        await looks(cluster, 3)
        clock.now += 0.6 * SECONDS
        await looks(cluster, 3)
        assert not second.leading
        assert "one" == lease(cluster)["holderIdentity"]

        clock.now += 0.6 * SECONDS
        await until(lambda: second.leading, "it leads")

    assert "two" == lease(cluster)["holderIdentity"]


async def test_a_renewal_that_somebody_came_before_is_tried_again_while_the_lease_is_ours(
    cluster: ScriptedCluster, kube: KubeClient, clock: SteadyClock
) -> None:
    leader = candidate(kube, clock)
    await leader.acquire()
    cluster.fail("put leases", 409)

    async with running(leader.keep()):
        await until(lambda: cluster.calls.count("put leases") >= 3, "it goes on")


async def test_who_loses_the_race_for_a_lease_without_a_holder_leads_no_more(
    cluster: ScriptedCluster, kube: KubeClient, clock: SteadyClock
) -> None:
    leader = candidate(kube, clock)
    await leader.acquire()
    write(cluster, "")
    cluster.fail("put leases", 409)

    with pytest.raises(NotLeadingError, match="another operator holds"):
        await asyncio.wait_for(leader.keep(), 10)


async def test_the_lease_of_another_is_not_released(
    cluster: ScriptedCluster, kube: KubeClient, clock: SteadyClock
) -> None:
    leader = candidate(kube, clock)
    await leader.acquire()
    write(cluster, "two")

    await leader.release()

    assert "two" == lease(cluster)["holderIdentity"]
    assert not leader.leading
