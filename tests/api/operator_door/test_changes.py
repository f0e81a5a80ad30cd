"""jobs/changes: what owned jobs became, told until it was written down; a long poll that misses nothing."""

from __future__ import annotations

import asyncio

from operator_side import CLUSTER, declared

from taskjob_engine.store import JobRef


async def made(operator, uid="u1", **spec):
    return (await operator.ensure_one(uid, **spec))["job"]["id"]


async def waiting_poll(api, operator, **more):
    """A poll that has found nothing: it waits, or is about to."""
    looks = count_looks(api)
    poll = asyncio.create_task(operator.changes(waitSeconds=30, **more))
    await looks.get()
    return poll


def count_looks(api) -> asyncio.Queue[int]:
    """From now on an entry for each time that the store's changes were read."""
    looks: asyncio.Queue[int] = asyncio.Queue()
    told = api.store.changes

    async def counted(*arguments):
        rows = await told(*arguments)
        looks.put_nowait(len(rows))
        return rows

    api.store.changes = counted
    return looks


async def test_a_row_comes_again_until_its_version_is_acknowledged(operator):
    job = await made(operator)

    [row] = await operator.changes()
    again = await operator.changes((job, row["version"] + 1), ("0" * 32, 1))
    gone = await operator.changes((job, row["version"]))

    assert (row["jobId"], row["owner"]["uid"], row["job"]["phase"]) == (job, "u1", "queued")
    assert (again, gone) == ([row], [])


async def test_a_job_that_was_fast_is_one_row_with_its_last_state(operator, world):
    await made(operator)
    worker = await world.worker()
    await worker.complete(await worker.lease_one(), result=b"1")

    [row] = await operator.changes()

    assert (row["job"]["phase"], row["job"]["result"]) == ("completed", 1)


async def test_a_pruned_job_is_a_row_without_a_job(api, operator):
    job = await made(operator, cancel=True)
    await api.engine.purge([JobRef(namespace="default", id=job)])

    [row] = await operator.changes()

    assert (row["jobId"], "job" in row, row["owner"]["uid"]) == (job, False, "u1")


async def test_a_poll_that_waits_is_woken_by_a_change_of_its_cluster(api, operator):
    poll = await waiting_poll(api, operator)

    await api.submit()
    job = await made(operator)

    assert [row["jobId"] for row in await poll] == [job]


async def test_a_poll_is_not_woken_by_strangers(api, operator):
    poll = await waiting_poll(api, operator)
    looks = count_looks(api)

    for _ in range(20):
        await api.submit()
    job = await made(operator)

    assert [row["jobId"] for row in await poll] == [job]
    assert looks.qsize() == 1, "one look for one hint"


async def test_what_was_acknowledged_in_the_call_that_waits_is_not_told_by_it(api, operator):
    job = await made(operator)
    [row] = await operator.changes()

    poll = await waiting_poll(api, operator, ack=[[job, row["version"]]])
    await api.engine.cancel([JobRef(namespace="default", id=job)])

    assert [(r["job"]["phase"], r["version"] > row["version"]) for r in await poll] == [("cancelled", True)]


async def test_the_limit_bounds_a_call(operator):
    await operator.ensure(*(declared(f"u{number}") for number in range(5)))

    assert [len(await operator.changes(limit=limit)) for limit in (2, 500)] == [2, 5]


async def test_a_stopping_process_answers_at_once(api, operator):
    poll = await waiting_poll(api, operator)

    api.lifetime.begin_stopping()

    assert await poll == []


async def test_the_incarnation_comes_with_the_changes(api, operator):
    told = await operator.told("jobs/changes", {"clusterId": CLUSTER})

    assert told["incarnation"] == api.engine.standing().incarnation
