"""Which artifacts a job has, as people are told of them."""

import pytest

from taskjob.model import AttemptOutcome
from taskjob_engine.artifacts import lease_prefix, log_key, result_key
from taskjob_engine.store import JobRef, Rerun

LARGE = b'"' + b"x" * 10_000 + b'"'


async def say(lab, grant, *texts):
    prefix = lease_prefix("default", grant.job, grant.run, grant.delivery, grant.lease)
    for number, text in enumerate(texts):
        await lab.engine._artifacts.put(log_key(prefix, number), text.encode())
    return prefix


async def told(lab, ref):
    return [(one.kind, one.run, one.delivery, one.size) for one in await lab.engine.artifacts(ref)]


async def test_an_unknown_or_foreign_job_has_no_listing(lab):
    ref = await lab.submit()
    assert await lab.engine.artifacts(ref) == []
    assert await lab.engine.artifacts(JobRef(namespace="other", id=ref.id)) is None
    assert await lab.engine.artifacts(JobRef(namespace="default", id="f" * 32)) is None


async def test_a_log_of_each_delivery_and_the_result_in_their_order(lab):
    worker = await lab.session()
    ref = await lab.submit()
    first = await worker.run_one()
    await say(lab, first, "one ", "two")
    assert await told(lab, ref) == [("log", 0, 1, 7)]
    await worker.settle(first, AttemptOutcome.FAILED, delay_seconds=0)
    second = await worker.run_one()
    await say(lab, second, "again")
    await worker.settle(second, result=b'{"n":1}')
    assert await told(lab, ref) == [("log", 0, 1, 7), ("log", 0, 2, 5), ("result", 0, 2, 7)]
    listed = await lab.engine.artifacts(ref)
    assert {(one.name, one.media_type) for one in listed} == {
        ("log.txt", "text/plain"),
        ("result.json", "application/json"),
    }


@pytest.mark.parametrize("result", [b'{"n":1}', LARGE])
async def test_the_result_counts_wherever_it_stands(lab, result):
    worker = await lab.session()
    ref = await lab.submit()
    await worker.settle(await worker.run_one(), result=result)
    assert await told(lab, ref) == [("result", 0, 1, len(result))]


async def test_results_of_refused_settles_and_of_earlier_runs_are_not_told(lab):
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()
    prefix = await say(lab, grant, "log")
    await lab.engine._artifacts.put(result_key(prefix, b"1"), b"1")
    await worker.settle(grant, result=LARGE)
    assert await told(lab, ref) == [("log", 0, 1, 3), ("result", 0, 1, len(LARGE))]
    await lab.engine.rerun([Rerun(ref=ref, request_id="again")])
    assert await told(lab, ref) == [("log", 0, 1, 3)]
    again = await worker.run_one()
    await worker.settle(again, result=b"2")
    assert await told(lab, ref) == [("log", 0, 1, 3), ("result", 1, 1, 1)]
