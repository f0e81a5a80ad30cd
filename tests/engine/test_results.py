"""Small results stand in the store, large ones beside it; both go with their job."""

import asyncio

import msgspec
import pytest

from taskjob.errors import UnavailableError
from taskjob.model import AttemptOutcome, Phase
from taskjob_engine.artifacts import lease_prefix, result_key
from taskjob_engine.store import SettleVerdict

SMALL = b'{"n":1}'
LARGE = b'{"text":"' + b"x" * 10_000 + b'"}'


class Without:
    """A store with some of its verbs replaced."""

    def __init__(self, store, **verbs):
        self._store = store
        self.__dict__.update(verbs)

    def __getattr__(self, name):
        return getattr(self._store, name)


def files(lab):
    root = lab.path / "artifacts"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_a_small_result_needs_no_artifact(lab):
    worker = await lab.session()
    ref = await lab.submit()
    await worker.settle(await worker.run_one(), result=SMALL)
    assert await lab.engine.result(ref) == SMALL
    assert files(lab) == []


async def test_a_large_result_stands_under_the_prefix_of_its_own_lease(lab):
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()
    assert (await worker.settle(grant, result=LARGE)).verdict is SettleVerdict.ACCEPTED
    key = result_key(lease_prefix("default", ref.id, grant.run, grant.delivery, grant.lease), LARGE)
    job = await lab.engine.get(ref)
    assert (job.result, job.result_ref) == (None, key)
    assert files(lab) == [key]
    assert await lab.engine.result(ref) == LARGE


@pytest.mark.parametrize(("size", "placed"), [(4096, 0), (4097, 1)])
async def test_the_limit_is_exact(lab, size, placed):
    worker = await lab.session()
    ref = await lab.submit()
    result = b'"' + b"x" * (size - 2) + b'"'
    await worker.settle(await worker.run_one(), result=result)
    assert len(files(lab)) == placed
    assert await lab.engine.result(ref) == result


async def test_a_repeated_settle_is_replayed_and_keeps_the_first_result(lab):
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()
    await worker.settle(grant, result=LARGE)
    kept = files(lab)
    again = await worker.settle(grant, result=LARGE.replace(b"x", b"y"))
    assert again.verdict is SettleVerdict.REPLAYED
    assert await lab.engine.result(ref) == LARGE
    assert files(lab) == kept


async def test_a_settle_sent_again_with_another_result_is_recorded_with_that_one(lab, monkeypatch):
    """The first was never recorded: what the second is told to be accepted must be its own."""
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()
    other = LARGE.replace(b"x", b"y")

    async def away(*_):
        raise UnavailableError("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(lab.engine._results, "_store", Without(lab.engine._results._store, settle=away))
        with pytest.raises(UnavailableError):
            await worker.settle(grant, result=LARGE)
    assert (await worker.settle(grant, result=other)).verdict is SettleVerdict.ACCEPTED
    assert await lab.engine.result(ref) == other


async def test_a_stale_settle_leaves_no_object_behind_and_touches_no_other(lab):
    first, second = await lab.session("w1"), await lab.session("w2")
    ref = await lab.submit()
    old = await first.run_one()
    await first.settle(old, AttemptOutcome.RELEASED)
    new = await second.run_one()
    assert (await second.settle(new, result=LARGE)).verdict is SettleVerdict.ACCEPTED
    late = await first.settle(old, result=LARGE.replace(b"x", b"y"))
    assert late.verdict is SettleVerdict.STALE
    assert await lab.engine.result(ref) == LARGE
    assert len(files(lab)) == 1


async def test_an_unknown_job_is_stale_and_stores_nothing(lab):
    worker = await lab.session()
    await lab.submit()
    grant = await worker.run_one()
    verdict = await worker.settle(msgspec.structs.replace(grant, job=lab.new_id()), result=LARGE)
    assert verdict.verdict is SettleVerdict.STALE
    assert files(lab) == []


async def test_a_batch_mixes_small_and_large(lab):
    worker = await lab.session()
    refs = [await lab.submit() for _ in range(3)]
    grants = await worker.lease(3)
    results = [SMALL, LARGE, None]
    settlements = [
        worker.settlement(grant, AttemptOutcome.COMPLETED, result=result)
        for grant, result in zip(grants, results, strict=True)
    ]
    verdicts = await lab.engine.settle(settlements)
    assert [verdict.verdict for verdict in verdicts] == [SettleVerdict.ACCEPTED] * 3
    assert [await lab.engine.result(ref) for ref in refs] == results


async def test_no_settle_without_its_result(lab, monkeypatch):
    """The artifact store is full: the worker is told to try again, and the job is still its own."""
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()

    async def full(*_):
        raise UnavailableError("no space is left")

    with monkeypatch.context() as patch:
        patch.setattr(lab.engine._artifacts, "put", full)
        with pytest.raises(UnavailableError):
            await worker.settle(grant, result=LARGE)
    assert (await lab.engine.get(ref)).phase is Phase.RUNNING
    assert (await worker.settle(grant, result=LARGE)).verdict is SettleVerdict.ACCEPTED
    assert await lab.engine.result(ref) == LARGE


async def test_result_and_logs_are_deleted_when_the_job_is_pruned(lab):
    worker = await lab.session()
    ref = await lab.submit(ttl_seconds_after_finished=60)
    kept = await lab.submit(ttl_seconds_after_finished=86_400)
    for grant in await worker.lease(2):
        await lab.engine.append_log(
            namespace="default",
            job=grant.job,
            run=grant.run,
            delivery=grant.delivery,
            lease=grant.lease,
            number=0,
            text="hello\n",
        )
        await worker.settle(grant, result=LARGE)
    assert len(files(lab)) == 4
    lab.hands.pass_(61)
    async with asyncio.timeout(60):
        while len(files(lab)) > 2:
            await lab.rounds.whole("prune")
    assert await lab.engine.get(ref) is None
    assert await lab.engine.result(ref) is None
    assert all(name.startswith(f"default/{kept.id}/") for name in files(lab))
    assert await lab.engine.result(kept) == LARGE


async def test_purge_deletes_artifacts_too(lab):
    worker = await lab.session()
    ref = await lab.submit()
    await worker.settle(await worker.run_one(), result=LARGE)
    await lab.engine.purge([ref])
    async with asyncio.timeout(60):
        while files(lab):
            await lab.rounds.whole("prune")


async def test_garbage_that_cannot_be_deleted_is_tried_again(lab, monkeypatch):
    worker = await lab.session()
    ref = await lab.submit()
    await worker.settle(await worker.run_one(), result=LARGE)
    sweep = lab.engine._artifacts.sweep
    failures = 4

    async def flaky(prefixes):
        nonlocal failures
        if not failures:
            return await sweep(prefixes)
        failures -= 1
        if failures % 2:
            raise UnavailableError("the bucket does not answer")
        return [False] * len(prefixes)

    monkeypatch.setattr(lab.engine._artifacts, "sweep", flaky)
    await lab.engine.purge([ref])
    async with asyncio.timeout(60):
        while files(lab):
            await lab.rounds.whole("prune")
    assert failures == 0
