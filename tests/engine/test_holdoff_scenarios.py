"""Scenario 2: whatever happened to us, healthy workers lose nothing and dead ones still do afterwards."""

import asyncio

import pytest

from taskjob.errors import UnavailableError
from taskjob.model import Phase


async def test_start_holds_off_and_a_dead_worker_lapses_afterwards(lab):
    dead = await lab.session("dead")
    job = await lab.submit()
    await dead.run_one()
    assert lab.engine.holdoff.remaining_seconds() == 15.0
    await lab.past_holdoff()
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(job)).phase is Phase.QUEUED
    assert (await lab.engine.get(job)).lost == 1


async def two_workers(lab):
    """After hold-off of the start: one that will live and one that will die, a started job each."""
    healthy, dead = await lab.session("healthy"), await lab.session("dead")
    await lab.past_holdoff(healthy, dead)
    jobs = await lab.submit(timeout_seconds=600), await lab.submit(timeout_seconds=600)
    grants = await healthy.run_one(), await dead.run_one()
    assert [grant.job for grant in grants] == [job.id for job in jobs]
    return healthy, dead, *jobs


async def expect_only_the_dead_to_lapse(lab, healthy, kept, lapsed):
    """From trouble that is just over: nothing lapses during hold-off, then exactly the dead worker's job does."""
    assert lab.engine.holdoff.remaining_seconds() > 0
    await lab.rounds.whole("expire")
    for job in (kept, lapsed):
        assert (await lab.engine.get(job)).lost == 0, "nobody is declared dead during hold-off"
    renewed = await healthy.renew()
    assert renewed.renewed
    assert (renewed.lost, renewed.cancelling) == ((), ())
    await lab.past_holdoff(healthy)
    await lab.rounds.whole("expire")
    still, again = await lab.engine.get(kept), await lab.engine.get(lapsed)
    assert (still.phase, still.lost, still.worker) == (Phase.RUNNING, 0, "healthy")
    assert (again.phase, again.lost) == (Phase.QUEUED, 1)


async def test_scenario_02_the_loop_stalls(lab):
    healthy, _, kept, lapsed = await two_workers(lab)
    lab.hands.pass_(20)  # nothing ran for 20 s: no heartbeat could be heard
    await expect_only_the_dead_to_lapse(lab, healthy, kept, lapsed)


async def test_scenario_02_the_clock_jumps_forward_an_hour(lab):
    healthy, _, kept, lapsed = await two_workers(lab)
    lab.hands.jump(3600)
    await expect_only_the_dead_to_lapse(lab, healthy, kept, lapsed)


async def test_an_attempt_that_began_before_a_jump_still_has_its_time_out(lab):
    """The skipped hour does not count; the ten minutes that the attempt may take do."""
    worker = await lab.session()
    job = await lab.submit(timeout_seconds=600)
    await worker.run_one()
    lab.hands.jump(3600)
    await lab.calm(590, worker)
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(job)).attempts == 0
    await lab.calm(30, worker)
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(job)).attempts == 1


async def test_a_cancel_is_told_also_after_a_jump(lab):
    worker = await lab.session()
    job = await lab.submit(timeout_seconds=600)
    await worker.run_one()
    lab.hands.jump(3600)
    assert (await worker.renew()).cancelling == ()
    await lab.engine.cancel([job])
    assert [order.reason for order in (await worker.renew()).cancelling] == ["CancelRequested"]


async def test_scenario_02_the_clock_jumps_back_an_hour(lab):
    """The store's clock goes on as if nothing had happened, so nothing needs to be held off."""
    healthy, _, kept, lapsed = await two_workers(lab)
    lab.hands.jump(-3600)
    await lab.rounds.whole("expire")
    await lab.calm(14, healthy)
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(lapsed)).lost == 0
    await lab.calm(2, healthy)
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(lapsed)).lost == 1
    assert (await lab.engine.get(kept)).lost == 0


async def test_scenario_02_the_api_is_gone_for_20_seconds(lab):
    healthy, _, kept, lapsed = await two_workers(lab)
    await lab.engine.stop()
    lab.hands.pass_(20)
    await lab.restart()
    await expect_only_the_dead_to_lapse(lab, lab.take_over(healthy), kept, lapsed)


class Outage:
    """A store that can be cut off: while `down`, every call fails as an unreachable database does."""

    def __init__(self, store) -> None:
        self._store = store
        self.down = False

    def __getattr__(self, name):
        if self.down and name in {"session_renew", "settle", "expire", "promote", "prune", "lease"}:
            return self._refuse
        return getattr(self._store, name)

    async def _refuse(self, *_, **__):
        raise UnavailableError("the database does not answer")


async def test_scenario_02_the_store_fails_over(idle_lab):
    lab = idle_lab
    outage = Outage(lab.store)
    await lab.start(outage)
    healthy, _, kept, lapsed = await two_workers(lab)
    outage.down = True
    for _ in range(20):
        lab.hands.pass_(1)
        lab.engine.holdoff.observe()
        with pytest.raises(UnavailableError):
            await healthy.renew()
    outage.down = False
    assert lab.engine.holdoff.cause == "StoreOutage"
    await expect_only_the_dead_to_lapse(lab, healthy, kept, lapsed)


async def test_an_expiry_that_waits_behind_a_slow_disk_finds_nobody_silent(idle_lab):
    """The call enters the store while all is well and is carried out 20 s later, before the renewals behind it."""
    lab = idle_lab
    slow = SlowExpiry(lab.store)
    await lab.start(slow)
    healthy, _, kept, lapsed = await two_workers(lab)
    slow.hold()
    async with asyncio.timeout(60):
        await slow.waiting.wait()
    for _ in range(20):
        lab.hands.pass_(1)
        lab.engine.holdoff.observe()
    slow.release()
    await lab.rounds.whole("expire")
    assert lab.engine.holdoff.cause == "StoreOutage"
    await expect_only_the_dead_to_lapse(lab, healthy, kept, lapsed)


class SlowExpiry:
    """A store whose expire is held up between the call and its carrying out."""

    def __init__(self, store) -> None:
        self._store = store
        self._free = asyncio.Event()
        self._free.set()
        self.waiting = asyncio.Event()

    def hold(self) -> None:
        self.waiting.clear()
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def expire(self, *args, **more):
        if not self._free.is_set():
            self.waiting.set()
            await self._free.wait()
        return await self._store.expire(*args, **more)


async def test_an_expiry_that_fails_is_an_outage_too(idle_lab):
    lab = idle_lab
    outage = Outage(lab.store)
    await lab.start(outage)
    await lab.past_holdoff()
    outage.down = True
    await lab.rounds.whole("expire")
    assert lab.engine.holdoff.remaining_seconds() == 15.0
    assert lab.engine.holdoff.cause == "StoreOutage"
    assert b'taskjob_maintenance_errors_total{service="expire"}' in await lab.engine.metrics()


async def test_g5_a_cut_connection_that_is_not_resumed_lapses_after_three_seconds(lab):
    healthy, dead, kept, lapsed = await two_workers(lab)
    assert await dead.close(within_seconds=3)
    await lab.calm(2.5, healthy)
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(lapsed)).lost == 0
    await lab.calm(0.6, healthy)
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(lapsed)).lost == 1
    assert (await lab.engine.get(kept)).lost == 0


async def test_g5_a_certain_death_is_acted_on_at_once(lab):
    _, dead, _, lapsed = await two_workers(lab)
    assert await dead.close(within_seconds=0)
    assert (await lab.engine.wait(lapsed, seconds=0)) is not None
    await lab.rounds.whole("expire")
    assert (await lab.engine.get(lapsed)).lost == 1


async def test_hold_off_is_told_by_explain_and_metrics(lab):
    dead = await lab.session("dead")
    job = await lab.submit()
    await dead.run_one()
    lab.hands.pass_(20)
    answer = await lab.engine.explain(job)
    assert (answer.reason, answer.eta_seconds) == ("HoldOff", 15.0)
    assert b"taskjob_rescue_holdoff_seconds 15.0" in await lab.engine.metrics()
