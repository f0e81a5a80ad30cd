"""Scenario 1: an api rollout closes 500 sockets."""

import asyncio

from taskjob.model import Phase
from taskjob.wire.messages import GoAway, Started, Welcome
from taskjob_engine.store import JobFilter


async def test_no_job_starts_twice_and_none_is_lost(house):
    workers = [house.worker("tcp", slots=1) for _ in range(500)]
    await asyncio.gather(*(worker.enter() for worker in workers))
    await house.submit(*["noop"] * 500)
    await asyncio.gather(*(worker.take(1) for worker in workers))
    for worker in workers:
        [grant] = worker.held.values()
        worker.send(worker.exchange(started=(Started(job=grant.job, lease=grant.lease),)))

    restarting = asyncio.create_task(house.restart())
    ends = await asyncio.gather(*(drained(worker) for worker in workers))
    assert set(ends) == {"Stopping"}
    await restarting
    assert all(isinstance(w, Welcome) for w in await asyncio.gather(*(worker.resume() for worker in workers)))

    updates = await asyncio.gather(*(worker.settle(*worker.held.values()) for worker in workers))
    assert all(update.verdicts == () for update in updates)
    page = await house.engine.jobs(JobFilter(namespace="default"), limit=1000)
    assert {(job.phase, job.deliveries, job.lost) for job in page.jobs} == {(Phase.COMPLETED, 1, 0)}
    for worker in workers:
        worker.close()


async def drained(worker):
    """Read to the connection's end; returns the reason of its goaway."""
    reason = None
    while (message := await worker.recv()) is not None:
        reason = message.reason if isinstance(message, GoAway) else reason
    return reason
