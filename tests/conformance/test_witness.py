"""witness: a rollback is proved, the incarnation rotates, leases are void."""

from taskjob.model import AttemptOutcome, Phase


async def prove_rollback(world):
    standing = world.store.standing()
    return await world.store.witness(standing.incarnation, standing.seq + 1)


async def test_what_the_store_knows_proves_nothing(world):
    await world.submit()
    now = world.store.standing()
    for incarnation, seq in ((now.incarnation, now.seq), (now.incarnation, 0), ("other", now.seq + 100)):
        told = await world.store.witness(incarnation, seq)
        assert (told.incarnation, told.rolled_back) == (now.incarnation, False)


async def test_g3_a_proved_rollback_voids_every_lease_uncharged(world):
    job = await world.submit()
    keyed = await world.submit(concurrency_key="k")
    worker = await world.worker()
    grants = await worker.lease(2)
    await worker.start(*grants)
    old = world.store.standing().incarnation
    told = await prove_rollback(world)
    assert told.rolled_back
    assert told.incarnation == world.store.standing().incarnation != old
    for each in (job, keyed):
        seen = await world.job(each)
        assert (seen.phase, seen.attempts, seen.lost, seen.interruptions) == (Phase.QUEUED, 0, 0, 0)
        [attempt] = await world.attempts(each)
        assert (attempt.outcome, attempt.error.type) == (AttemptOutcome.RELEASED, "IncarnationChanged")


async def test_g3_old_leases_and_sessions_are_told_why(world):
    await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    await prove_rollback(world)
    late = await worker.complete(grant)
    assert (late.verdict, late.reason) == ("stale", "IncarnationChanged")
    assert (await worker.renew()).reason == "IncarnationChanged"
    assert (await worker.lease_call(1)).refused == "IncarnationChanged"
    assert not await worker.close(release=True)
    again = await world.worker()
    second = await again.lease_one()
    assert (await again.complete(second)).verdict == "accepted"


async def test_the_same_proof_twice_rotates_once(world):
    standing = world.store.standing()
    first = await world.store.witness(standing.incarnation, standing.seq + 1)
    again = await world.store.witness(standing.incarnation, standing.seq + 1)
    assert (again.incarnation, again.rolled_back) == (first.incarnation, False)


async def test_the_key_of_witnesses_survives_a_restart_and_a_proved_rollback(world):
    key = world.store.witness_key()
    assert len(key) == 32
    await prove_rollback(world)
    await world.reopen()
    assert world.store.witness_key() == key


async def test_the_incarnation_survives_a_restart(world):
    await world.submit()
    before = world.store.standing()
    await world.reopen()
    after = world.store.standing()
    assert (after.incarnation, after.seq >= before.seq) == (before.incarnation, True)
    await prove_rollback(world)
    rotated = world.store.standing().incarnation
    await world.reopen()
    assert world.store.standing().incarnation == rotated
