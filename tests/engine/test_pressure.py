"""Scenario 14: a 20 MB batch and a slow query; heartbeats and settles still pass."""

import asyncio

from taskjob.model import Phase

PROMISED_SECONDS = 5.0
"""TTL / 3: a heartbeat that takes longer would look like a stall of ours."""


async def heartbeats(session, stop):
    """Renew all the time; the longest that one renewal took."""
    loop = asyncio.get_running_loop()
    longest = 0.0
    while not stop.is_set():
        begun = loop.time()
        assert (await session.renew()).renewed
        longest = max(longest, loop.time() - begun)
        await asyncio.sleep(0.005)
    return longest


async def test_scenario_14_a_batch_of_20_mb_does_not_hold_up_heartbeats_or_settles(lab):
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()
    stop = asyncio.Event()
    beating = asyncio.create_task(heartbeats(worker, stop))
    payload = b'{"text":"' + b"x" * 60_000 + b'"}'
    batch = [lab.submission(payload=payload, queue="bulk") for _ in range(340)]
    submitting = asyncio.create_task(lab.engine.submit(batch))
    async with asyncio.timeout(PROMISED_SECONDS):
        assert (await worker.settle(grant)).phase is Phase.COMPLETED
    verdicts = await submitting
    stop.set()
    assert await beating < PROMISED_SECONDS
    assert {verdict.outcome for verdict in verdicts} == {"created"}
    assert (await lab.engine.get(ref)).phase is Phase.COMPLETED


async def test_scenario_14_slow_reads_do_not_hold_up_heartbeats_or_settles(lab):
    """Every job is scanned again and again, more often than a crowd of dashboards would."""
    worker = await lab.session()
    await lab.engine.submit([lab.submission(queue="bulk") for _ in range(1000)])
    await lab.submit()
    grant = await worker.run_one()
    stop = asyncio.Event()
    beating = asyncio.create_task(heartbeats(worker, stop))
    scans = [asyncio.create_task(lab.engine.audit()) for _ in range(50)]
    async with asyncio.timeout(PROMISED_SECONDS):
        assert (await worker.settle(grant)).phase is Phase.COMPLETED
    for scan in scans:
        assert (await scan).conserved
    stop.set()
    assert await beating < PROMISED_SECONDS


async def test_scenario_14_blocked_artifacts_do_not_hold_up_heartbeats_or_small_settles(lab, monkeypatch):
    """The disk of the artifacts hangs: whoever needs it waits, nobody else does."""
    worker = await lab.session()
    await lab.submit()
    await lab.submit()
    large, small = await worker.lease(2)
    freed = asyncio.Event()
    put = lab.engine._artifacts.put

    async def hang(*args):
        await freed.wait()
        return await put(*args)

    monkeypatch.setattr(lab.engine._artifacts, "put", hang)
    stuck = asyncio.create_task(worker.settle(large, result=b'"' + b"x" * 5000 + b'"'))
    async with asyncio.timeout(PROMISED_SECONDS):
        assert (await worker.renew()).renewed
        assert (await worker.settle(small, result=b"1")).verdict == "accepted"
    assert not stuck.done()
    freed.set()
    assert (await stuck).verdict == "accepted"
