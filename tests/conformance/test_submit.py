"""submit: accepted once, by id or key; what is left out comes from the queue; the quota."""

import pytest

from taskjob.model import Backoff, BackoffChoice, JobDefaults, Phase, Reason, RetryChoice, RetryPolicy

DAY = 86_400


async def test_a_created_job_can_be_read_with_everything_it_was_given(world):
    retry = RetryChoice(max_attempts=2, backoff=BackoffChoice(initial_seconds=7), non_retryable=("KeyError",))
    job_id = await world.submit(
        payload=b'{"n":1}',
        name="first",
        labels={"team": "cats"},
        priority=5,
        retry=retry,
        timeout_seconds=12,
        active_deadline_seconds=100,
        concurrency_key="k",
        idempotency_key="i",
        document_hash="h",
        ttl_seconds_after_finished=1,
        ttl_seconds_after_failed=2,
    )
    job = await world.job(job_id)
    assert bytes(job.payload) == b'{"n":1}'
    assert (job.name, job.labels, job.priority) == ("first", {"team": "cats"}, 5)
    assert job.retry == RetryPolicy(max_attempts=2, backoff=Backoff(initial_seconds=7), non_retryable=("KeyError",))
    assert (job.timeout_seconds, job.concurrency_key, job.idempotency_key) == (12, "k", "i")
    assert (job.ttl_seconds_after_finished, job.ttl_seconds_after_failed) == (1, 2)
    assert job.created_at == job.ready_at == world.clock.at
    assert job.deadline_at == world.clock.at + 100_000_000
    assert (job.phase, job.reason, job.run, job.revision) == (Phase.QUEUED, Reason.QUEUED, 0, 1)


async def test_what_a_job_leaves_out_comes_from_its_queue_then_the_product(world):
    defaults = JobDefaults(retry=RetryChoice(max_attempts=9), timeout_seconds=77, ttl_seconds_after_failed=5)
    await world.queue(job_defaults=defaults)
    job = await world.job(await world.submit())
    assert (job.retry.max_attempts, job.timeout_seconds, job.ttl_seconds_after_failed) == (9, 77, 5)
    assert job.ttl_seconds_after_finished == 86_400
    own = await world.job(await world.submit(timeout_seconds=3, retry=RetryChoice()))
    assert (own.timeout_seconds, own.retry) == (3, RetryPolicy(max_attempts=9))


async def test_each_field_of_retry_is_the_jobs_choice_then_its_queues_then_the_products(world):
    backoff = BackoffChoice(initial_seconds=7, max_seconds=70)
    chosen = RetryChoice(max_attempts=9, max_lost=0, backoff=backoff, non_retryable=("KeyError",))
    await world.queue(job_defaults=JobDefaults(retry=chosen))
    own = RetryChoice(max_attempts=2, backoff=BackoffChoice(initial_seconds=0, jitter_percent=0))
    job = await world.job(await world.submit(retry=own))
    assert job.retry == RetryPolicy(
        max_attempts=2,
        max_lost=0,
        backoff=Backoff(initial_seconds=0, multiplier=2, max_seconds=70, jitter_percent=0),
        non_retryable=("KeyError",),
    )
    none = await world.job(await world.submit(retry=RetryChoice(max_lost=3, non_retryable=())))
    assert (none.retry.max_attempts, none.retry.max_lost, none.retry.non_retryable) == (9, 3, ())
    await world.queue(job_defaults=JobDefaults())
    assert (await world.job(await world.submit())).retry == RetryPolicy()
    assert (await world.job(job.id)).retry == job.retry


async def test_queue_defaults_changed_later_do_not_change_accepted_jobs(world):
    job = await world.submit()
    await world.queue(job_defaults=JobDefaults(timeout_seconds=1))
    assert (await world.job(job)).timeout_seconds == 3600


async def test_g6_same_key_and_document_is_the_same_job(world):
    first = world.submission(idempotency_key="k", document_hash="a")
    again = world.submission(idempotency_key="k", document_hash="a")
    [created] = await world.submit_call(first)
    [existing] = await world.submit_call(again)
    assert (created.outcome, existing.outcome, existing.id) == ("created", "existing", first.id)
    assert not await world.exists(again.id)


async def test_g6_same_key_and_another_document_is_a_conflict(world):
    first = world.submission(idempotency_key="k", document_hash="a")
    other = world.submission(idempotency_key="k", document_hash="b")
    verdicts = await world.submit_call(first, other)
    assert [v.outcome for v in verdicts] == ["created", "conflict"]
    assert verdicts[1].id == first.id
    assert not await world.exists(other.id)


async def test_items_of_one_call_with_equal_keys_behave_as_sent_one_after_the_other(world):
    items = [world.submission(idempotency_key="k", document_hash=h) for h in "aaba"]
    items.append(world.submission(idempotency_key="other", document_hash="a"))
    verdicts = await world.submit_call(*items)
    assert [v.outcome for v in verdicts] == ["created", "existing", "conflict", "existing", "created"]
    assert {v.id for v in verdicts[:4]} == {items[0].id}


async def test_a_repeated_id_without_a_key_is_the_same_job(world):
    item = world.submission()
    assert [v.outcome for v in await world.submit_call(item, item)] == ["created", "existing"]
    assert [v.outcome for v in await world.submit_call(item)] == ["existing"]


async def test_an_id_of_another_namespace_is_a_conflict_and_changes_nothing(world):
    item = world.submission(namespace="mine")
    await world.submit_call(item)
    [verdict] = await world.submit_call(world.submission(id=item.id, namespace="theirs"))
    assert verdict.outcome == "conflict"
    assert not await world.exists(item.id, "theirs")


async def test_keys_of_two_namespaces_do_not_meet(world):
    ours = world.submission(namespace="ours", idempotency_key="k", document_hash="a")
    theirs = world.submission(namespace="theirs", idempotency_key="k", document_hash="b")
    assert [v.outcome for v in await world.submit_call(ours, theirs)] == ["created", "created"]


async def test_a_key_is_kept_a_day_from_the_finish_of_a_job_with_short_retention(world):
    """Scenario 11: the key's job is pruned and the client retries late."""
    item = world.submission(idempotency_key="k", document_hash="a", ttl_seconds_after_finished=10)
    await world.submit_call(item)
    world.clock.advance(3 * DAY)
    worker = await world.worker()
    await worker.complete(await worker.lease_one())
    world.clock.advance(11)
    await world.store.prune(100)
    assert not await world.exists(item.id)
    retry = world.submission(idempotency_key="k", document_hash="a")
    [verdict] = await world.submit_call(retry)
    assert (verdict.outcome, verdict.id) == ("existing", item.id)
    world.clock.advance(DAY - 12)
    assert [v.outcome for v in await world.submit_call(retry)] == ["existing"]
    theirs = await world.submit(namespace="other", idempotency_key="k", document_hash="a")
    world.clock.advance(1)
    assert [v.outcome for v in await world.submit_call(retry)] == ["created"]
    [foreign] = await world.submit_call(
        world.submission(namespace="other", idempotency_key="k", document_hash="a"),
    )
    assert (foreign.outcome, foreign.id) == ("existing", theirs)


async def test_a_key_lives_as_long_as_a_longer_retention(world):
    item = world.submission(idempotency_key="k", document_hash="a", ttl_seconds_after_finished=5 * DAY)
    await world.submit_call(item)
    await world.cancel(item.id)
    again = world.submission(idempotency_key="k", document_hash="a")
    world.clock.advance(5 * DAY - 1)
    assert [v.outcome for v in await world.submit_call(again)] == ["existing"]
    world.clock.advance(1)
    assert [v.outcome for v in await world.submit_call(again)] == ["created"]


async def test_a_key_of_a_live_job_never_expires(world):
    item = world.submission(idempotency_key="k", document_hash="a")
    await world.submit_call(item)
    world.clock.advance(400 * DAY)
    await world.store.prune(100)
    [verdict] = await world.submit_call(world.submission(idempotency_key="k", document_hash="a"))
    assert (verdict.outcome, verdict.id) == ("existing", item.id)


async def test_a_rerun_keeps_the_key_alive(world):
    item = world.submission(idempotency_key="k", document_hash="a", ttl_seconds_after_finished=1)
    await world.submit_call(item)
    await world.cancel(item.id)
    await world.rerun(item.id)
    world.clock.advance(10 * DAY)
    await world.store.prune(100)
    [verdict] = await world.submit_call(world.submission(idempotency_key="k", document_hash="a"))
    assert (verdict.outcome, verdict.id) == ("existing", item.id)


async def test_the_live_job_quota_rejects_and_is_freed_by_finished_jobs(world):
    await world.queue(max_live_jobs=2)
    items = [world.submission() for _ in range(3)]
    verdicts = await world.submit_call(*items)
    assert [v.outcome for v in verdicts] == ["created", "created", "rejected"]
    assert verdicts[2].code == "QuotaExceeded"
    assert "2" in verdicts[2].detail
    await world.cancel(items[0].id)
    assert [v.outcome for v in await world.submit_call(items[2])] == ["created"]


async def test_an_existing_job_is_told_whatever_the_quota_says(world):
    await world.queue(max_live_jobs=1)
    item = world.submission(idempotency_key="k", document_hash="a")
    await world.submit_call(item)
    again, other = (world.submission(idempotency_key="k", document_hash=h) for h in "ab")
    assert [v.outcome for v in await world.submit_call(again, other)] == ["existing", "conflict"]


async def test_a_quota_counts_waiting_and_leased_jobs_too(world):
    await world.queue(max_live_jobs=2)
    await world.submit(start_after=world.clock.at + 60_000_000)
    await world.submit()
    worker = await world.worker()
    await worker.lease_one()
    [verdict] = await world.submit_call(world.submission())
    assert verdict.outcome == "rejected"


async def test_an_unknown_queue_is_made_or_waited_for(world):
    await world.submit(queue="made")
    assert "made" in [q.name for q in await world.store.queues("default")]
    [verdict] = await world.submit_call(world.submission(queue="missing"), create_queues=False)
    assert verdict.outcome == "created"
    assert "missing" not in [q.name for q in await world.store.queues("default")]
    worker = await world.worker(queues=("missing",))
    assert await worker.lease(5) == []
    await world.queue("missing")
    assert [g.job for g in await worker.lease(5)] == [verdict.id]


@pytest.mark.parametrize(
    "bad",
    [
        {"priority": 2**70},
        {"timeout_seconds": 2**63},
        {"active_deadline_seconds": 2**62},
        {"ttl_seconds_after_failed": -1},
        {"start_after": 2**64},
        {"labels": {"x": "\ud800"}},
        {"name": "\ud800"},
    ],
    ids=lambda bad: next(iter(bad)),
)
async def test_a_value_that_cannot_be_stored_rejects_its_item_only(world, bad):
    good = [world.submission() for _ in range(3)]
    verdicts = await world.submit_call(good[0], world.submission(**bad), good[1], good[2])
    assert [v.outcome for v in verdicts] == ["created", "rejected", "created", "created"]
    assert verdicts[1].code == "Invalid"
    for item in good:
        assert await world.exists(item.id)


async def test_an_empty_call_is_answered_with_nothing(world):
    assert await world.submit_call() == []
