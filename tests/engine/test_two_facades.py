"""Two engines on one store, as two replicas of the api: no leader, and nothing happens twice."""

import asyncio

import pytest

from taskjob.model import AttemptOutcome, Phase, QueueLimits
from taskjob_engine.store import QueueChange, Rerun


@pytest.fixture
async def pair(lab):
    second = lab.another_engine()
    await second.start()
    yield lab.engine, second
    await second.stop()


async def started_by_each(lab, pair):
    first, second = await lab.session("w1", engine=pair[0]), await lab.session("w2", engine=pair[1])
    return first, second


async def test_scenario_05_two_facades_never_run_two_jobs_of_one_concurrency_key(lab, pair):
    workers = await started_by_each(lab, pair)
    refs = [await lab.submit(concurrency_key="customer-7") for _ in range(20)]
    finished = []
    while len(finished) < len(refs):
        grants = await asyncio.gather(*(worker.lease(5) for worker in workers))
        held = [(worker, grant) for worker, taken in zip(workers, grants, strict=True) for grant in taken]
        assert len(held) == 1, "one permit, one holder"
        [(worker, grant)] = held
        finished.append(grant.job)
        await worker.settle(grant)
    assert finished == [ref.id for ref in refs], "handed on by rank"


async def test_scenario_05_a_holder_that_dies_hands_its_permit_on(lab, pair):
    dying, heir = await started_by_each(lab, pair)
    await lab.past_holdoff(heir, dying)
    pair[1].holdoff.observe()
    first, second = [await lab.submit(concurrency_key="k") for _ in range(2)]
    assert (await dying.run_one()).job == first.id
    assert await heir.lease(5) == []
    await dying.close(within_seconds=0)
    for _ in range(16):
        lab.hands.pass_(1)
        for engine in pair:
            engine.holdoff.observe()
        await heir.renew()
    await lab.rounds.whole("expire")
    assert (await pair[1].get(first)).lost == 1
    [grant] = await heir.lease(5)
    assert grant.job in {first.id, second.id}


async def test_both_run_maintenance_and_nothing_lapses_twice(lab, pair):
    dead = await lab.session("dead")
    refs = [await lab.submit() for _ in range(50)]
    grants = await dead.lease(50)
    await dead.start(*grants)
    for _ in range(17):
        lab.hands.pass_(1)
        for engine in pair:
            engine.holdoff.observe()
    async with asyncio.timeout(60):
        while {(await pair[0].get(ref)).phase for ref in refs} != {Phase.QUEUED}:
            await lab.rounds.whole("expire")
    await lab.rounds.whole("expire")
    assert {(await pair[1].get(ref)).lost for ref in refs} == {1}
    assert {len(await pair[1].attempts(ref)) for ref in refs} == {1}
    assert (await pair[0].audit()).conserved


async def test_a_change_through_one_wakes_those_who_wait_at_the_other(lab, pair):
    ref = await lab.submit()
    waiting = asyncio.create_task(pair[1].wait(ref, seconds=30))
    await asyncio.sleep(0)
    await pair[0].cancel([ref])
    async with asyncio.timeout(10):
        assert (await waiting).phase is Phase.CANCELLED


@pytest.mark.parametrize("settle_first", [True, False])
async def test_scenario_09_cancel_against_settle_through_two_facades(lab, pair, settle_first):
    worker = await lab.session(engine=pair[0])
    ref = await lab.submit()
    grant = await worker.run_one()
    settling = worker.settle(grant)
    cancelling = pair[1].cancel([ref])
    calls = [settling, cancelling] if settle_first else [cancelling, settling]
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.gather(*tasks)
    job = await pair[1].get(ref)
    assert job.phase is (Phase.COMPLETED if settle_first else Phase.CANCELLED)
    assert job.attempts == 1


async def test_scenario_07_the_same_settle_through_both_is_recorded_once(lab, pair):
    first = await lab.session(engine=pair[0])
    refs = [await lab.submit() for _ in range(20)]
    grants = await first.lease(20)
    items = [first.settlement(grant, AttemptOutcome.COMPLETED) for grant in grants]
    answers = await asyncio.gather(pair[0].settle(items), pair[1].settle(list(reversed(items))))
    verdicts = [*zip(answers[0], reversed(answers[1]), strict=True)]
    assert {frozenset(v.verdict for v in both) for both in verdicts} == {frozenset({"accepted", "replayed"})}
    assert {(await pair[0].get(ref)).attempts for ref in refs} == {1}


async def test_scenario_08_the_same_rerun_through_both_starts_one_run(lab, pair):
    worker = await lab.session()
    ref = await lab.submit()
    await worker.fail(await worker.run_one(), retryable=False)
    request = Rerun(ref=ref, request_id="r1")
    answers = await asyncio.gather(pair[0].rerun([request]), pair[1].rerun([request]))
    assert sorted(answer.outcome for [answer] in answers) == ["changed", "unchanged"]
    assert (await lab.engine.get(ref)).run == 1


async def test_a_queue_limit_holds_over_both(lab, pair):
    limits = QueueLimits(max_concurrency=3)
    await pair[0].put_queue(QueueChange(namespace="default", name="default", limits=limits))
    workers = await started_by_each(lab, pair)
    for _ in range(10):
        await lab.submit()
    taken = await asyncio.gather(*(worker.lease(5) for worker in workers))
    assert sum(map(len, taken)) == 3
