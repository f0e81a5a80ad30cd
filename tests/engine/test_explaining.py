"""`explain` from real facts: for each cause its reason, who stands in the way, and how long still."""

import pytest

from taskjob.model import AttemptOutcome, QueueLimits, Reason
from taskjob_engine.store import Amendment, ProgressMark, QueueChange, StartMark


async def limits(lab, **limits):
    await lab.engine.put_queue(QueueChange(namespace="default", name="default", limits=QueueLimits(**limits)))


async def expect(lab, ref, reason, *words):
    answer = await lab.engine.explain(ref)
    assert answer.reason is reason, answer
    for word in words:
        assert word in answer.sentence
    return answer


async def test_explain_no_worker_and_none_for_the_task(lab):
    ref = await lab.submit(task="unheard.of")
    await expect(lab, ref, Reason.NO_WORKER_FOR_TASK, "No worker is connected")
    await lab.session()
    await expect(lab, ref, Reason.NO_WORKER_FOR_TASK, "none knows task 'unheard.of'")


async def test_explain_queue_not_found(idle_lab):
    await idle_lab.start(create_queues=False)
    ref = await idle_lab.submit(queue="nowhere")
    await expect(idle_lab, ref, Reason.QUEUE_NOT_FOUND, "'nowhere'")


async def test_explain_position_in_the_queue(lab):
    await lab.session()
    refs = []
    for _ in range(3):
        refs.append(await lab.submit())
        lab.hands.pass_(0.01)
    assert [(await expect(lab, ref, Reason.QUEUED)).position for ref in refs] == [1, 2, 3]
    urgent = await lab.submit(priority=10)
    assert (await expect(lab, urgent, Reason.QUEUED)).position == 1
    assert (await expect(lab, refs[0], Reason.QUEUED)).position == 2


async def test_explain_delayed_and_suspended(lab):
    ref = await lab.submit(start_after=lab.engine.now() + 90_000_000)
    answer = await expect(lab, ref, Reason.DELAYED, "in 1 min 30 s")
    assert answer.eta_seconds == 90.0
    await lab.engine.amend([Amendment(ref=ref, suspend=True)])
    await expect(lab, ref, Reason.SUSPENDED)


async def test_explain_back_off_and_snooze(lab):
    worker = await lab.session()
    ref = await lab.submit()
    await worker.fail(await worker.run_one(), delay_seconds=30.0)
    answer = await expect(lab, ref, Reason.BACKOFF, "Attempt 1 of 5 failed after ValueError: no")
    assert answer.eta_seconds == 30.0
    snoozed = await lab.submit()
    await worker.settle(await worker.run_one(), AttemptOutcome.SNOOZED, delay_seconds=20.0)
    assert (await expect(lab, snoozed, Reason.SNOOZED)).eta_seconds == 20.0


async def test_explain_pause_by_a_person(lab):
    await lab.session()
    ref = await lab.submit()
    until = lab.engine.now() + 60_000_000
    await lab.engine.put_queue(
        QueueChange(
            namespace="default", name="default", pause=True, actor="ada", pause_reason="disk full", pause_until=until
        )
    )
    answer = await expect(lab, ref, Reason.QUEUE_PAUSED, "paused by ada (disk full)")
    assert answer.eta_seconds == 60.0
    lab.hands.pass_(61)
    await lab.rounds.whole("promote")
    assert (await lab.engine.explain(ref)).reason is not Reason.QUEUE_PAUSED


async def test_explain_the_key_limit_names_the_job_that_holds_it(lab):
    worker = await lab.session()
    holder = await lab.submit(concurrency_key="customer-7")
    blocked = await lab.submit(concurrency_key="customer-7")
    await worker.run_one()
    answer = await expect(lab, blocked, Reason.LIMITED, "'customer-7'", f"held by {holder.id}")
    assert answer.holders == (holder.id,)
    assert answer.next_steps[0] == f"taskjob explain {holder.id}"


async def test_explain_queue_limit(lab):
    await limits(lab, max_concurrency=1)
    worker = await lab.session()
    await lab.submit()
    await worker.run_one()
    ref = await lab.submit()
    await expect(lab, ref, Reason.QUEUE_LIMIT, "runs 1 job, as many")


async def test_explain_rate_limit(lab):
    await limits(lab, rate_per_second=1)
    worker = await lab.session()
    await lab.submit()
    ref = await lab.submit()
    await worker.lease(2)
    answer = await expect(lab, ref, Reason.RATE_LIMIT, "1 job per second")
    assert answer.eta_seconds == pytest.approx(1.0, abs=0.2)


async def test_explain_assigned_running_and_cancelling(lab):
    worker = await lab.session()
    ref = await lab.submit(timeout_seconds=600)
    [grant] = await worker.lease()
    await expect(lab, ref, Reason.ASSIGNED, "worker w1")
    await worker.renew(
        started=(StartMark(job=grant.job, lease=grant.lease),),
        progress=(ProgressMark(job=grant.job, lease=grant.lease, progress="3/10"),),
    )
    lab.hands.pass_(2)
    await expect(lab, ref, Reason.RUNNING, "for 2 s of at most 10 min, progress 3/10")
    await lab.engine.cancel([ref])
    lab.hands.pass_(1)
    await expect(lab, ref, Reason.CANCELLING, "1 s ago")


async def test_explain_finished(lab):
    worker = await lab.session()
    done, dead = await lab.submit(), await lab.submit()
    first, second = await worker.lease(2)
    await worker.settle(first)
    await worker.fail(second, retryable=False)
    ended = {first.job: Reason.COMPLETED, second.job: Reason.NON_RETRYABLE}
    for ref in (done, dead):
        await expect(lab, ref, ended[ref.id])
