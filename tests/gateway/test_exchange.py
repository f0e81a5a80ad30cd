"""A session's ordinary life, over both carriers and on both stores."""

import asyncio

import msgspec
import pytest

from taskjob.model import AttemptOutcome, Phase
from taskjob.model.job import ErrorInfo
from taskjob.wire.messages import (
    MAX_RESULT_BYTES,
    Bye,
    Drain,
    Held,
    LogChunk,
    Progress,
    Started,
    Submit,
    Submitted,
    Update,
    Verdict,
)
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import JobRef


@pytest.fixture
def poll_seconds():
    """How often those who wait ask again, though nobody told them of work."""
    return EngineSettings().maintenance_seconds


@pytest.fixture
def house_options(any_store, poll_seconds):
    return {"store": any_store, "engine_settings": EngineSettings(maintenance_seconds=poll_seconds)}


async def test_a_job_is_granted_run_and_settled(house, hire):
    worker = await hire()
    [job] = await house.submit("noop", payload=b'{"n":1}', labels={"a": "b"})
    [grant] = await worker.take(1)
    assert (grant.job, grant.task, bytes(grant.payload), grant.labels) == (job, "noop", b'{"n":1}', {"a": "b"})
    assert (grant.run, grant.delivery, grant.attempt) == (0, 1, 1)

    update = await worker.settle(grant, result=msgspec.Raw(b'{"ok":true}'))

    assert update.verdicts == ()
    done = await house.job(job)
    assert (done.phase, bytes(done.result)) == (Phase.COMPLETED, b'{"ok":true}')


async def test_work_that_comes_later_reaches_a_waiting_worker(house, hire):
    worker = await hire()
    taking = asyncio.create_task(worker.take(3))
    await house.waiting(1)
    jobs = await house.submit("noop", "unknown", "noop", "noop")
    grants = await taking
    assert {grant.job for grant in grants} == {jobs[0], jobs[2], jobs[3]}


async def test_a_worker_gets_no_more_than_it_wants(house, hire):
    worker = await hire()
    await house.submit(*["noop"] * 10)
    assert len(await worker.take(4)) == 4
    assert (await worker.call(worker.exchange())).jobs == ()
    stats = await house.engine.stats("default")
    assert (stats.queues[0].leased, stats.queues[0].ready) == (4, 6)


@pytest.mark.parametrize("poll_seconds", [3600.0])
async def test_a_batch_is_spread_over_those_who_wait(house, hire):
    workers = [await hire() for _ in range(4)]
    asking = [asyncio.create_task(ask_for_many(worker)) for worker in workers]
    await house.waiting(4)
    await house.submit(*["noop"] * 40)
    await asyncio.gather(*asking)
    assert [len(worker.held) for worker in workers] == [10, 10, 10, 10]


async def ask_for_many(worker):
    """Wants forty jobs and takes what comes first."""
    message = worker.exchange(want=40, wait_seconds=10.0)
    if hasattr(worker, "send"):
        worker.send(message)
        await worker.until(lambda: worker.held)
    else:
        await worker.call(message)


async def test_a_failure_is_retried_with_its_error_kept(house, hire):
    worker = await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    error = ErrorInfo(type="ValueError", message="m" * 100_000, traceback="t" * 100_000)
    await worker.settle(grant, outcome=AttemptOutcome.FAILED, error=error, delay_seconds=0.0)
    [again] = await worker.take(1)
    assert (again.job, again.delivery, again.attempt) == (job, 2, 2)
    kept = (await house.job(job)).last_error
    assert kept.type == "ValueError"
    assert len(kept.message) == 8 * 1024


async def test_started_progress_and_checkpoint_are_kept(house, hire):
    worker = await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    assert (await house.job(job)).phase is Phase.ASSIGNED
    await worker.call(
        worker.exchange(
            started=(Started(job=job, lease=grant.lease, ago_seconds=0.1),),
            progress=(Progress(job=job, lease=grant.lease, progress="1/2", checkpoint=msgspec.Raw(b'{"at":1}')),),
        )
    )
    seen = await house.job(job)
    assert (seen.phase, seen.progress, bytes(seen.checkpoint)) == (Phase.RUNNING, "1/2", b'{"at":1}')
    await worker.settle(grant, outcome=AttemptOutcome.INTERRUPTED)
    [again] = await worker.take(1)
    assert bytes(again.checkpoint) == b'{"at":1}'


async def test_logs_are_kept_for_leases_that_are_held(house, hire):
    worker, stranger = await hire(), await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    forged = LogChunk(job=job, lease=grant.lease, number=0, text="forged")
    for _ in range(2):
        claimed = (Held(job=job, lease=grant.lease),)
        told = await stranger.call(stranger.exchange(holding=claimed, logs=(forged,)))
        assert [lost.job for lost in told.lost] == [job]
    await worker.call(worker.exchange(logs=(LogChunk(job=job, lease=grant.lease, number=0, text="one "),)))
    await worker.call(
        worker.exchange(
            logs=(LogChunk(job=job, lease=grant.lease, number=1, text="two"),), settle=(worker.completed(grant),)
        )
    )
    page = await house.engine.logs(JobRef(namespace="default", id=job))
    assert page.text == "one two"


async def test_an_oversized_result_costs_only_its_own_settle(house, hire):
    worker = await hire()
    await house.submit("noop", "noop")
    first, second = await worker.take(2)
    large = msgspec.Raw(b'"' + b"x" * MAX_RESULT_BYTES + b'"')
    update = await worker.call(
        worker.exchange(settle=(worker.completed(first, result=large), worker.completed(second)))
    )
    assert update.verdicts == (Verdict(job=first.job, lease=first.lease, verdict="rejected", reason="TooLarge"),)
    assert (await house.job(second.job)).phase is Phase.COMPLETED
    assert (await worker.settle(first)).verdicts == ()


POISON = [b'"\xff\xfe"', b'{"a":1e999}', b"[" * 101 + b"]" * 101, b'{"a":' * 300 + b"1" + b"}" * 300, b"9" * 5000]


@pytest.mark.parametrize("poison", POISON)
async def test_a_result_that_others_could_not_read_costs_only_its_own_settle(house, hire, poison):
    worker = await hire()
    await house.submit("noop", "noop")
    first, second = await worker.take(2)
    update = await worker.call(
        worker.exchange(settle=(worker.completed(first, result=msgspec.Raw(poison)), worker.completed(second)))
    )
    assert update.verdicts == (Verdict(job=first.job, lease=first.lease, verdict="rejected", reason="InvalidResult"),)
    assert (await house.job(second.job)).phase is Phase.COMPLETED
    assert (await worker.settle(first)).verdicts == ()


@pytest.mark.parametrize("poison", POISON)
async def test_a_checkpoint_that_others_could_not_read_is_not_kept_and_nothing_else_is_lost(house, hire, poison):
    worker = await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    started = (Started(job=job, lease=grant.lease),)
    good = Progress(job=job, lease=grant.lease, progress="1/2", checkpoint=msgspec.Raw(b"1"))
    await worker.call(worker.exchange(started=started, progress=(good,)))
    bad = Progress(job=job, lease=grant.lease, progress="2/2", checkpoint=msgspec.Raw(poison))
    update = await worker.call(worker.exchange(progress=(bad,)))
    assert [(told.verdict, told.reason) for told in update.verdicts] == [("rejected", "InvalidCheckpoint")]
    interrupted = worker.completed(grant, outcome=AttemptOutcome.INTERRUPTED)
    assert (await worker.call(worker.exchange(settle=(interrupted,)))).verdicts == ()
    worker.held.clear()
    [again] = await worker.take(1)
    assert bytes(again.checkpoint) == b"1"


async def test_values_are_kept_as_one_line_so_that_no_frame_breaks(house):
    author, reader = await house.worker("http").enter(), await house.worker("tcp").enter()
    [job] = await house.submit("noop")
    [grant] = await author.take(1)
    spread = msgspec.Raw(b'{\r\n\n "a" :\n1}')
    progress = Progress(job=job, lease=grant.lease, checkpoint=spread)
    interrupted = author.completed(grant, outcome=AttemptOutcome.INTERRUPTED)
    await author.call(author.exchange(started=(Started(job=job, lease=grant.lease),), progress=(progress,)))
    assert (await author.call(author.exchange(settle=(interrupted,)))).verdicts == ()
    [again] = await reader.take(1)
    assert bytes(again.checkpoint) == b'{"a":1}'
    await reader.call(reader.exchange(settle=(reader.completed(again, result=msgspec.Raw(b'{"b" : [1, 2]}')),)))
    assert bytes((await house.job(job)).result) == b'{"b":[1,2]}'
    await author.client.aclose()


async def test_stale_and_forged_leases_are_refused_with_a_reason(house, hire):
    worker, thief = await hire(), await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    stolen = await thief.call(thief.exchange(settle=(thief.completed(grant),)))
    assert [(v.verdict, v.reason) for v in stolen.verdicts] == [("stale", "WrongWorker")]
    forged = msgspec.structs.replace(worker.completed(grant), lease="0" * 32)
    unknown = msgspec.structs.replace(worker.completed(grant), job="f" * 32)
    answer = await worker.call(worker.exchange(settle=(forged, unknown)))
    assert [(v.verdict, v.reason) for v in answer.verdicts] == [("stale", "Superseded"), ("stale", "UnknownJob")]
    assert (await house.job(job)).phase is Phase.ASSIGNED
    assert (await worker.settle(grant)).verdicts == ()


async def test_a_repeated_settle_is_replayed_and_another_outcome_is_stale(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    await worker.settle(grant)
    again = await worker.settle(grant)
    other = await worker.settle(grant, outcome=AttemptOutcome.FAILED)
    assert [v.verdict for v in again.verdicts] == ["replayed"]
    assert [(v.verdict, v.reason) for v in other.verdicts] == [("stale", "Finished")]


async def test_a_cancel_is_pushed_and_ends_the_job_as_cancelled(house, hire):
    worker = await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    hearing = asyncio.create_task(hear_cancel(worker))
    await asyncio.sleep(0.05)
    await house.cancel(job)
    [order] = await hearing
    assert (order.job, order.lease, order.reason) == (job, grant.lease, "CancelRequested")
    await worker.settle(grant, outcome=AttemptOutcome.CANCELLED)
    assert (await house.job(job)).phase is Phase.CANCELLED


async def test_no_stop_is_ordered_of_what_is_settled_in_the_same_breath(house, hire):
    worker = await hire()
    await house.submit("noop", "noop")
    done, running = await worker.take(2)
    for grant in (done, running):
        await house.cancel(grant.job)
    started = (Started(job=running.job, lease=running.lease),)
    update = await worker.call(worker.exchange(settle=(worker.completed(done),), started=started))
    assert [order.job for order in update.cancel] == [running.job]


async def test_a_cancel_is_pushed_in_every_namespace(house):
    for namespace in ("default", "other"):
        worker = house.worker("tcp")
        worker.hello = msgspec.structs.replace(worker.hello, namespace=namespace)
        await worker.enter()
        [job] = await house.submit("noop", namespace=namespace)
        await worker.take(1)
        await house.engine.cancel([JobRef(namespace=namespace, id=job)])
        assert [order.job for order in await hear_cancel(worker)] == [job]


async def hear_cancel(worker):
    """Over TCP the order is pushed; over HTTP it ends the poll."""
    if hasattr(worker, "recv"):
        return (await worker.recv()).cancel
    return (await worker.call(worker.exchange(want=1, wait_seconds=10.0))).cancel


async def test_drain_voids_the_want(house, hire):
    worker = await hire()
    if hasattr(worker, "send"):
        worker.send(worker.exchange(want=5), Drain())
        await worker.recv()
    else:
        polling = asyncio.create_task(worker.call(worker.exchange(want=5, wait_seconds=30.0)))
        await house.waiting(1)
        await worker.call(worker.named(Drain()))
        assert (await polling).jobs == ()
    await house.submit("noop")
    assert (await worker.call(worker.exchange(want=5))).jobs == ()
    assert worker.held == {}
    assert [info.draining for info in await house.engine.workers("default")] == [True]
    assert (await house.engine.stats("default")).queues[0].ready == 1


async def test_bye_hands_back_what_is_held(house, hire):
    worker, other = await hire(), await hire()
    await house.submit("noop", "noop")
    first, second = await worker.take(2)
    await worker.call(worker.exchange(started=(Started(job=first.job, lease=first.lease),)))
    if hasattr(worker, "send"):
        worker.send(worker.exchange(settle=(worker.completed(second),)), Bye())
        assert (await worker.recv()).seq == worker.seq
        assert await worker.recv() is None
    else:
        await worker.settle(second)
        assert await worker.call(worker.named(Bye())) == Update(renewed=False)
    [again] = await other.take(1)
    assert again.job == first.job
    job = await house.job(first.job)
    assert (job.interruptions, job.lost, job.attempts) == (1, 0, 0)
    assert (await house.job(second.job)).phase is Phase.COMPLETED


async def test_a_task_submits_jobs_and_a_bad_document_spoils_no_other(house, hire):
    worker = await hire()
    items = tuple(map(msgspec.Raw, (b'{"task":"noop"}', b'{"payload":{}}', b'{"task":"noop","payload":{"n":2}}')))
    message = Submit(request=7, items=items)
    answer = await worker.call(message if hasattr(worker, "send") else worker.named(message))
    assert isinstance(answer, Submitted)
    assert answer.request == 7
    assert [verdict.outcome for verdict in answer.verdicts] == ["created", "rejected", "created"]
    assert (answer.verdicts[1].code, answer.verdicts[1].field) == ("Invalid", "/task")
    assert {grant.job for grant in await worker.take(2)} == {answer.verdicts[0].id, answer.verdicts[2].id}


async def test_what_a_task_submits_keeps_the_limits_of_every_payload(house, hire):
    worker = await hire()
    payloads = {
        b'{"x":"' + b"y" * 65_536 + b'"}': ("TooLarge", "/payload"),
        b'{"a":' * 33 + b"1" + b"}" * 33: ("Invalid", "/payload/a/a/a/a"),
        b'{"n":[9007199254740993]}': ("Invalid", "/payload/n/0"),
        b"[1]": ("Invalid", "/payload"),
    }
    items = tuple(msgspec.Raw(b'{"task":"noop","payload":' + payload + b"}") for payload in payloads)
    message = Submit(request=1, items=items)
    answer = await worker.call(message if hasattr(worker, "send") else worker.named(message))
    assert [(verdict.code, verdict.field) for verdict in answer.verdicts] == list(payloads.values())
