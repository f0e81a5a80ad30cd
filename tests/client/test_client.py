"""The client against a real api and a real worker, each its own process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from live_stack import LiveStack

from taskjob import AsyncClient, Client, task
from taskjob.client import JobFailedError, JobQuery
from taskjob.errors import ConflictError, IdempotencyConflictError, InvalidError, NotFoundError
from taskjob.model import Phase


@task(name="add")
def add_by_task(a: int, b: int) -> int:
    return a + b


def test_submit_wait_result(stack: LiveStack) -> None:
    with Client(stack.url) as client:
        job = client.submit("add", {"a": 1, "b": 2}, labels={"who": "me"}, priority=3)
        done = client.wait(job.id, timeout_seconds=60)

        assert job.outcome == "created"
        assert done.phase is Phase.COMPLETED
        assert (done.result, done.labels, done.priority) == (3, {"who": "me"}, 3)
        assert done.finished_at is not None
        assert done.finished_at.tzinfo is not None
        assert client.result(job.id) == 3


def test_a_task_object_is_validated_before_anything_is_sent(stack: LiveStack) -> None:
    with pytest.raises(InvalidError, match="missing required field `b`"):
        stack.client.submit(add_by_task, {"a": 1})

    assert stack.client.result(stack.client.submit(add_by_task, {"a": 1, "b": 1}).id, timeout_seconds=60) == 2


def test_a_failed_job_raises_with_its_error(stack: LiveStack) -> None:
    job = stack.client.submit("fail", {"message": "no luck"}, retry={"max_attempts": 1})

    with pytest.raises(JobFailedError, match=r"dead letter .*ValueError: no luck") as caught:
        stack.client.result(job.id, timeout_seconds=60)
    assert caught.value.reason == "AttemptsExhausted"


def test_a_large_result_is_fetched(stack: LiveStack) -> None:
    job = stack.client.submit("large", {"size": 20_000})

    assert stack.client.result(job.id, timeout_seconds=60) == "x" * 20_000
    assert stack.client.get(job.id).result is None


def test_wait_gives_up_in_time(stack: LiveStack) -> None:
    job = stack.client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1))

    with pytest.raises(TimeoutError, match="is submitted"):
        stack.client.wait(job.id, timeout_seconds=0.2)


def test_the_same_key_is_the_same_job_and_another_document_a_conflict(stack: LiveStack) -> None:
    first = stack.client.submit("add", {"a": 1, "b": 1}, idempotency_key="key-1")
    again = stack.client.submit("add", {"a": 1, "b": 1}, idempotency_key="key-1")

    assert (again.id, again.outcome) == (first.id, "existing")
    with pytest.raises(IdempotencyConflictError):
        stack.client.submit("add", {"a": 1, "b": 2}, idempotency_key="key-1")


def test_without_a_key_each_submit_is_a_job_of_its_own(stack: LiveStack) -> None:
    assert stack.client.submit("add", {"a": 1, "b": 1}).id != stack.client.submit("add", {"a": 1, "b": 1}).id


def test_submit_many_spans_requests_and_tells_each_verdict(stack: LiveStack) -> None:
    documents: list[dict[str, Any]] = [
        {"task": "add", "payload": {"a": number, "b": 0}, "queue": "many", "labels": {"n": "x"}}
        for number in range(1500)
    ]
    documents[1200]["priority"] = 5000

    verdicts = list(stack.client.submit_many(documents))

    assert [verdict.outcome for verdict in verdicts].count("created") == 1499
    assert len({verdict.id for verdict in verdicts}) == 1500
    error = verdicts[1200].error()
    assert isinstance(error, InvalidError)
    assert "priority" in error.detail
    assert error.field == "/items/200/priority"


def test_jobs_reads_page_after_page(stack: LiveStack) -> None:
    made = [stack.client.submit("add", {"a": 0, "b": 0}, queue="paged").id for _ in range(7)]

    found = [job.id for job in stack.client.jobs(JobQuery(queue="paged"), page_size=3)]

    assert found == made[::-1]
    since = datetime.now(UTC) + timedelta(minutes=1)
    assert not list(stack.client.jobs(JobQuery(queue="paged", created_after=since)))


def test_filters_hold_together(stack: LiveStack) -> None:
    wanted = stack.finished("fail", message="x", fields={"retry": {"maxAttempts": 1}, "labels": {"team": "a"}})
    stack.finished("add", a=1, b=1, fields={"labels": {"team": "a"}})

    found = list(stack.client.jobs(JobQuery(task="fail", phases=(Phase.DEAD_LETTER,), labels={"team": "a"})))

    assert [job.id for job in found] == [wanted.id]


def test_cancel_rerun_amend(stack: LiveStack) -> None:
    job = stack.client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1))
    assert stack.client.amend(job.id, priority=9).priority == 9
    with pytest.raises(TypeError, match="'queue' cannot be changed"):
        stack.client.amend(job.id, queue="x")
    assert stack.client.cancel(job.id).phase is Phase.CANCELLED

    again = stack.client.rerun(job.id, request_id="once")
    assert again.run == 1
    assert stack.client.wait(job.id, timeout_seconds=60).phase is Phase.COMPLETED
    assert stack.client.rerun(job.id, request_id="once").run == 1
    later = stack.client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1))
    with pytest.raises(ConflictError):
        stack.client.rerun(later.id)


def test_attempts_and_logs(stack: LiveStack) -> None:
    job = stack.finished("fail", message="oops", fields={"retry": {"maxAttempts": 2, "backoff": {"initialSeconds": 0}}})

    attempts = stack.client.attempts(job.id)
    assert [(one.number, one.outcome, one.error.message) for one in attempts if one.error] == [
        (1, "failed", "oops"),
        (2, "failed", "oops"),
    ]
    log = "".join(piece.text for piece in stack.client.logs(job.id, delivery=1))
    assert "about to fail: oops" in log
    listed = stack.client.artifacts(job.id)
    assert [(one.kind, one.delivery) for one in listed] == [("log", 1), ("log", 2)]
    assert listed[0].size_bytes == len(log.encode())
    assert listed[0].links.content == f"/v1/namespaces/default/jobs/{job.id}/logs?run=0&delivery=1"


def test_following_a_log_ends_with_the_job(stack: LiveStack) -> None:
    job = stack.client.submit("say_slowly", {"lines": 8})

    said = "".join(piece.text for piece in stack.client.logs(job.id, follow=True))

    assert [line for line in said.splitlines() if line.startswith("line")] == [f"line {n}" for n in range(8)]
    assert stack.client.get(job.id).finished


def test_queues_pause_resume_and_limits(stack: LiveStack) -> None:
    made = stack.client.put_queue("limited", {"limits": {"maxConcurrency": 2}})
    assert made.limits["maxConcurrency"] == 2

    paused = stack.client.pause("limited", reason="repair")
    assert (paused.state, paused.paused_reason) == ("Paused", "repair")
    job = stack.client.submit("add", {"a": 1, "b": 1}, queue="limited")
    assert stack.client.explain(job.id)["reason"] == "QueuePaused"
    assert stack.client.resume("limited").state == "Active"
    assert "limited" in {queue.name for queue in stack.client.queues()}


def test_workers_and_stats(stack: LiveStack) -> None:
    (worker,) = [one for one in stack.client.workers() if one.name == "steady"]
    assert {"add", "fail", "nap"} <= set(worker.tasks)
    assert worker.queues == ("default", "media")
    assert stack.client.stats()["conserved"]


def test_bulk_acts_on_what_its_preview_counted(stack: LiveStack) -> None:
    for number in range(3):
        stack.client.submit("add", {"a": number, "b": 0}, queue="bulk", start_after=timedelta(hours=1))
    where = JobQuery(queue="bulk")

    preview = stack.client.preview_bulk("cancel", where)
    assert preview.matched == 3
    assert preview.token is not None
    assert stack.client.run_bulk(preview.token).changed == 3
    assert stack.client.bulk("cancel", where).changed == 0
    assert {job.phase for job in stack.client.jobs(where)} == {Phase.CANCELLED}


def test_missing_things_are_not_found(stack: LiveStack) -> None:
    with pytest.raises(NotFoundError):
        stack.client.get("0" * 32)
    with pytest.raises(NotFoundError, match="no queue 'nope'"):
        stack.client.queue("nope")


async def test_the_async_client_does_the_same(stack: LiveStack) -> None:
    async with AsyncClient(stack.url) as client:
        job = await client.submit("add", {"a": 2, "b": 3}, queue="media")
        assert await client.result(job.id, timeout_seconds=60) == 5
        assert [one.id async for one in client.jobs(JobQuery(queue="media"), page_size=1)] == [job.id]
        verdicts = [one async for one in client.submit_many([{"task": "add", "payload": {"a": 1, "b": 1}}])]
        assert [verdict.outcome for verdict in verdicts] == ["created"]
        assert [one.outcome for one in await client.attempts(job.id)] == ["completed"]
        assert [one.name for one in await client.artifacts(job.id)] == ["log.txt", "result.json"]
        said = "".join([piece.text async for piece in client.logs(job.id, follow=True)])
        assert "adding 2 and 3" in said
        later = await client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1))
        with pytest.raises(TimeoutError):
            await client.wait(later.id, timeout_seconds=0.1)
        assert (await client.cancel(later.id)).phase is Phase.CANCELLED
        assert (await client.stats())["conserved"]


async def test_every_verb_has_its_async_twin(stack: LiveStack) -> None:
    async with AsyncClient(stack.url) as client:
        await client.put_queue("twins", {"limits": {"maxConcurrency": 3}})
        assert (await client.queue("twins")).limits["maxConcurrency"] == 3
        assert (await client.pause("twins", reason="r")).state == "Paused"
        job = await client.submit("add", {"a": 1, "b": 1}, queue="twins")
        assert (await client.explain(job.id))["reason"] == "QueuePaused"
        assert (await client.amend(job.id, priority=2)).priority == 2
        preview = await client.preview_bulk("cancel", JobQuery(queue="twins"))
        assert preview.matched == 1
        assert (await client.bulk("cancel", JobQuery(queue="twins"))).changed == 1
        assert (await client.get(job.id)).phase is Phase.CANCELLED
        assert (await client.rerun(job.id)).run == 1
        assert (await client.resume("twins")).state == "Active"
        assert "twins" in {queue.name for queue in await client.queues()}
        assert "steady" in {worker.name for worker in await client.workers()}
        big = await client.submit("large", {"size": 10_000})
        assert len(await client.result(big.id, timeout_seconds=60)) == 10_000
        bad = await client.submit("fail", {"message": "x"}, retry={"max_attempts": 1})
        with pytest.raises(JobFailedError):
            await client.result(bad.id, timeout_seconds=60)


def test_both_clients_have_the_same_verbs() -> None:
    verbs = {name for name in vars(Client) if not name.startswith("_")}

    assert verbs == {name for name in vars(AsyncClient) if not name.startswith("_")}
