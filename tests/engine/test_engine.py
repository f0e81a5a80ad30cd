"""The façade: order, counting and life cycle around the store's verbs."""

import asyncio
import hmac

import pytest

from taskjob.errors import UnavailableError
from taskjob.model import AttemptOutcome, Owner, Phase, RetryChoice
from taskjob_engine.errors import StoreRefusedError
from taskjob_engine.store import Amendment, JobFilter, JobRef, QueueChange, Rerun


class Hand:
    """A sink that takes what it is given."""

    def __init__(self):
        self.grants = []
        self.arrived = asyncio.Event()
        self.told_nothing = asyncio.Event()

    def granted(self, grants):
        self.grants += grants
        self.arrived.set()
        return True

    def nothing(self):
        self.told_nothing.set()

    def refused(self, reason):
        raise AssertionError(reason)


def park(lab, session, want=10):
    hand = Hand()
    lab.engine.dispatcher.park(
        session.ref, namespace="default", queues=("default",), tasks=("demo",), want=want, sink=hand, room=lambda: want
    )
    return hand


async def test_a_submit_reaches_a_waiting_session(lab):
    hand = park(lab, await lab.session())
    ref = await lab.submit()
    async with asyncio.timeout(10):
        await hand.arrived.wait()
    assert [grant.job for grant in hand.grants] == [ref.id]


async def test_who_leaves_before_its_turn_is_not_asked_for(lab):
    staying, leaving = await lab.session(), await lab.session()
    refs = [await lab.submit() for _ in range(2)]
    hand, gone = park(lab, staying, want=1), park(lab, leaving, want=1)
    assert not lab.engine.dispatcher.unpark(leaving.ref.session, gone)
    async with asyncio.timeout(10):
        await hand.arrived.wait()
    await staying.settle(hand.grants[0])  # whatever was asked for before has its answer now
    jobs = [await lab.engine.get(ref) for ref in refs]
    assert sorted(job.deliveries for job in jobs) == [0, 1]
    assert gone.grants == []


async def test_a_hint_reaches_a_waiting_session_without_the_poll(idle_lab):
    await idle_lab.start(maintenance_seconds=3600.0)
    hand = park(idle_lab, await idle_lab.session())
    async with asyncio.timeout(10):
        await hand.told_nothing.wait()
    ref = await idle_lab.submit(suspend=True)
    await idle_lab.engine.amend([Amendment(ref=ref, suspend=False)])
    async with asyncio.timeout(10):
        await hand.arrived.wait()
    assert [grant.job for grant in hand.grants] == [ref.id]


async def test_the_lease_is_asked_for_right_behind_the_submit(idle_lab, monkeypatch):
    """They enter the store in turns that follow each other, so that one flush can carry them."""
    lab = idle_lab
    await lab.start(maintenance_seconds=3600.0)  # nobody asks by himself meanwhile
    hand = park(lab, await lab.session())
    async with asyncio.timeout(10):
        await hand.told_nothing.wait()
    order, turn = [], 0

    def spy(name):
        call = getattr(lab.store, name)

        async def spied(*args, **more):
            order.append((name, turn))
            return await call(*args, **more)

        monkeypatch.setattr(lab.store, name, spied)

    spy("submit")
    spy("lease")
    submitting = asyncio.ensure_future(lab.submit())
    while not hand.grants:
        await asyncio.sleep(0)
        turn += 1
    await submitting
    assert [name for name, _ in order[:2]] == ["submit", "lease"]
    assert order[1][1] - order[0][1] <= 1, "the next turn at the latest"


async def test_a_delayed_job_starts_when_it_is_due_without_waiting_for_the_next_round(idle_lab):
    lab = idle_lab
    await lab.start(maintenance_seconds=3600.0)
    hand = park(lab, await lab.session())
    await lab.submit(start_after=lab.engine.now() + 1_000_000)
    assert hand.grants == []
    lab.hands.pass_(1.5)
    await lab.submit(start_after=lab.engine.now() + 10**9)  # any change that has a due time makes promote look
    async with asyncio.timeout(10):
        await hand.arrived.wait()
    assert len(hand.grants) == 1


async def test_a_cancelled_caller_does_not_take_its_submit_back(lab):
    item = lab.submission()
    async with lab.engine.events("default", job=item.id) as stream, asyncio.timeout(10):
        call = asyncio.create_task(lab.engine.submit([item]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (await anext(stream)).phase is Phase.QUEUED


@pytest.fixture
def patient_scrape(monkeypatch):
    """A snapshot that may take its time, and is kept for as long."""
    monkeypatch.setattr("taskjob_engine.engine._STATS_SECONDS", 60.0)


async def test_metrics_follow_a_job_from_submit_to_dead_letter(lab, patient_scrape):
    hand = park(lab, worker := await lab.session())
    await lab.submit()
    async with asyncio.timeout(10):
        await hand.arrived.wait()
    await worker.fail(hand.grants[0], retryable=False, duration_seconds=0.3)
    stale = await worker.fail(hand.grants[0], retryable=False)
    assert stale.verdict == "replayed"
    text = (await lab.engine.metrics()).decode()
    for line in (
        'taskjob_jobs_submitted_total{namespace="default",outcome="created",queue="default"} 1.0',
        'taskjob_jobs_leased_total{namespace="default",queue="default"} 1.0',
        'taskjob_jobs_processed_total{namespace="default",outcome="failed",queue="default",task="demo"} 1.0',
        'taskjob_job_failures_total{namespace="default",outcome="failed",queue="default",task="demo"} 1.0',
        'taskjob_jobs_dead_lettered_total{namespace="default",queue="default",task="demo"} 1.0',
        'taskjob_job_processing_duration_seconds_sum{namespace="default",queue="default",task="demo"} 0.3',
        'taskjob_job_queue_wait_seconds_count{namespace="default",queue="default"} 1.0',
        'taskjob_settles_refused_total{reason="",verdict="replayed"} 1.0',
        'taskjob_dead_letter_jobs{namespace="default",queue="default"} 1.0',
        "taskjob_stats_available 1.0",
    ):
        assert line in text, line
    assert "taskjob_retries_total{" not in text


async def test_scrapes_share_one_snapshot_and_outlive_a_failing_store(lab, monkeypatch, patient_scrape):
    calls = 0
    stats = lab.store.stats

    async def counted(namespace):
        nonlocal calls
        calls += 1
        return await stats(namespace)

    monkeypatch.setattr(lab.store, "stats", counted)
    for _ in range(5):
        assert b"taskjob_stats_available 1.0" in await lab.engine.metrics()
    assert calls == 1

    async def down(_):
        raise UnavailableError("gone")

    monkeypatch.setattr(lab.store, "stats", down)
    lab.engine._stats = None
    assert b"taskjob_stats_available 0.0" in await lab.engine.metrics()


async def test_failures_of_the_store_are_counted_and_passed_on(lab, monkeypatch):
    async def down(*_, **__):
        raise UnavailableError("gone")

    monkeypatch.setattr(lab.store, "submit", down)
    with pytest.raises(UnavailableError):
        await lab.submit()
    assert b'taskjob_store_errors_total{code="Unavailable"} 1.0' in await lab.engine.metrics()


async def test_dead_letters_of_a_leaving_worker_are_counted(lab):
    """A bye interrupts what runs: once too often it ends the job."""
    ref = await lab.submit(retry=RetryChoice(max_attempts=1, max_lost=0))
    for _ in range(21):
        worker = await lab.session()
        await worker.run_one()
        assert await worker.close(release=True)
    assert (await lab.engine.get(ref)).phase is Phase.DEAD_LETTER
    assert DEAD_LETTERS + b" 1.0" in await lab.engine.metrics()


async def test_dead_letters_of_a_worker_that_forgets_what_it_is_granted_are_counted(lab):
    ref = await lab.submit(retry=RetryChoice(max_attempts=1, max_lost=0))
    worker = await lab.session()
    while (await lab.engine.get(ref)).phase is not Phase.DEAD_LETTER:
        await worker.lease(1)
        assert (await worker.renew(holding=())).released == 1
    assert DEAD_LETTERS + b" 1.0" in await lab.engine.metrics()


DEAD_LETTERS = b'taskjob_jobs_dead_lettered_total{namespace="default",queue="default",task="demo"}'


def signed(lab, seq):
    """As the same store would have signed it before it lost something."""
    said = f"taskjob-witness-1:{lab.engine.standing().incarnation}:{seq}".encode()
    return hmac.digest(lab.store.witness_key(), said, "sha256").hex()[:32]


async def test_what_a_peer_is_told_is_signed(lab):
    await lab.submit()
    standing, signature = lab.engine.signed_standing()
    assert standing == lab.engine.standing()
    assert signature == signed(lab, standing.seq)
    await lab.submit()
    assert lab.engine.signed_standing()[1] == signed(lab, lab.engine.standing().seq) != signature


@pytest.mark.parametrize(
    "forge",
    [
        lambda genuine: "",
        lambda genuine: genuine[:-1],
        lambda genuine: genuine[:16],
        lambda genuine: genuine + "0",
        lambda genuine: genuine.upper(),
        lambda genuine: "0" * 32,
        lambda genuine: "é" * 32,
    ],
)
async def test_g3_a_witness_that_the_store_never_signed_voids_nothing_and_is_counted(lab, caplog, forge):
    worker = await lab.session()
    await lab.submit()
    grant = await worker.run_one()
    before = lab.engine.standing()
    forged = forge(signed(lab, before.seq + 1000))
    for _ in range(2):
        assert not (await lab.engine.witness(before.incarnation, before.seq + 1000, forged)).rolled_back
    assert lab.engine.standing().incarnation == before.incarnation
    assert b"taskjob_witnesses_refused_total 2.0" in await lab.engine.metrics()
    assert caplog.text.count("never signed") == 1
    assert (await worker.settle(grant)).verdict == "accepted"


async def test_g3_a_signature_holds_for_its_own_seq_and_incarnation_alone(lab):
    await lab.submit()
    old, signature = lab.engine.signed_standing()
    assert not (await lab.engine.witness(old.incarnation, old.seq + 1, signature)).rolled_back
    assert (await lab.engine.witness(old.incarnation, old.seq + 1, signed(lab, old.seq + 1))).rolled_back
    now = lab.engine.standing()
    assert not (await lab.engine.witness(now.incarnation, old.seq + 10**6, signature)).rolled_back
    assert lab.engine.standing() == now


async def test_a_witness_of_nothing_new_costs_no_call(lab, monkeypatch):
    await lab.submit()
    standing = lab.engine.standing()

    async def called(*_):
        raise AssertionError("the store was asked")

    monkeypatch.setattr(lab.store, "witness", called)
    assert await lab.engine.witness(standing.incarnation, standing.seq, signed(lab, standing.seq)) == standing
    assert await lab.engine.witness(standing.incarnation, 0, signed(lab, 0)) == standing
    assert await lab.engine.witness("0" * 32, standing.seq + 1, "") == standing
    assert b"taskjob_witnesses_refused_total 0.0" in await lab.engine.metrics()


async def test_g3_a_witness_of_a_lost_commit_voids_every_lease_and_raises_the_alarm(lab, caplog):
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()
    before = lab.engine.standing()
    standing = await lab.engine.witness(before.incarnation, before.seq + 1000, signed(lab, before.seq + 1000))
    assert standing.rolled_back
    assert standing.incarnation != before.incarnation
    assert "lost commits that a peer had seen" in caplog.text
    assert b"taskjob_store_rollbacks_total 1.0" in await lab.engine.metrics()
    assert (await worker.settle(grant)).verdict == "stale"
    job = await lab.engine.get(ref)
    assert (job.phase, job.lost, job.attempts) == (Phase.QUEUED, 0, 0)


async def test_start_tells_what_the_store_guarantees(lab):
    assert lab.engine.info.kind == lab.kind
    assert lab.engine.info.incarnation == lab.engine.standing().incarnation


async def test_stop_twice_and_before_start(idle_lab):
    await idle_lab.start()
    await idle_lab.engine.stop()
    await idle_lab.engine.stop()
    with pytest.raises(UnavailableError):
        await idle_lab.engine.submit([idle_lab.submission()])


async def test_a_refused_store_leaves_nothing_running(idle_lab, monkeypatch):
    async def refuse():
        raise StoreRefusedError("not this one", reason="WeakDurability")

    monkeypatch.setattr(idle_lab.store, "open", refuse)
    with pytest.raises(StoreRefusedError):
        await idle_lab.start()
    await idle_lab.engine.stop()
    assert len(asyncio.all_tasks()) == 1


async def test_sessions_and_leases_live_on_over_a_restart(lab):
    worker = await lab.session()
    await lab.submit()
    grant = await worker.run_one()
    await lab.restart()
    worker = lab.take_over(worker)
    assert (await worker.renew(holding=((grant.job, grant.lease),))).lost == ()
    assert (await worker.settle(grant)).verdict == "accepted"


async def test_people_verbs_pass_through(lab):
    worker = await lab.session()
    ref = await lab.submit(labels={"team": "a"})
    await lab.engine.put_queue(QueueChange(namespace="default", name="default", pause=True, actor="ada"))
    assert await worker.lease() == []
    assert (await lab.engine.explain(ref)).reason == "QueuePaused"
    await lab.engine.put_queue(QueueChange(namespace="default", name="default", pause=False, actor="ada"))
    await worker.fail(await worker.run_one(), retryable=False)
    [changed] = await lab.engine.rerun([Rerun(ref=ref, request_id="r1")])
    assert (changed.outcome, changed.run) == ("changed", 1)
    assert [attempt.outcome for attempt in await lab.engine.attempts(ref)] == [AttemptOutcome.FAILED]
    where = JobFilter(namespace="default", labels={"team": "a"})
    assert [job.id for job in (await lab.engine.jobs(where, limit=10)).jobs] == [ref.id]
    assert await lab.engine.count(where, limit=10) == 1
    assert [info.name for info in await lab.engine.workers("default")] == ["w1"]
    assert "default" in [queue.name for queue in await lab.engine.queues("default")]
    assert (await lab.engine.stats("default")).conserved
    assert (await lab.engine.audit()).conserved
    assert await lab.engine.explain(JobRef(namespace="default", id=lab.new_id())) is None
    assert await lab.engine.result(ref) is None


async def test_changes_of_owned_jobs_are_told_until_acknowledged(lab):
    owner = Owner(cluster_id="c1", namespace="default", name="cats", uid="u1")
    ref = await lab.submit(owner=owner)
    [dirty] = await lab.engine.changes("c1", [], 10)
    assert (dirty.job_id, dirty.owner) == (ref.id, owner)
    assert await lab.engine.changes("other", [], 10) == []
    assert await lab.engine.changes("c1", [(dirty.job_id, dirty.version)], 10) == []
