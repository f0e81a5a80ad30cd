"""`taskjob.testing`: what users lean on in tests of their own tasks."""

from datetime import timedelta

import pytest

from taskjob.context import Context
from taskjob.decorator import Task
from taskjob.errors import IdempotencyConflictError, NotFoundError
from taskjob.model import AttemptOutcome, Phase
from taskjob.registry import Registry
from taskjob.signals import Cancel, Retry, Snooze
from taskjob.testing import InlineWorker, arun_task, run_task


def add(a: int, b: int = 1) -> int:
    return a + b


async def steps(context: Context) -> list[int]:
    done = [*(context.checkpoint or []), context.attempt]
    context.checkpoint = done
    context.log("step %d", len(done))
    context.progress(len(done), 3)
    if len(done) < 3:
        raise RuntimeError("not yet")
    return done


def signal(kind: str, context: Context) -> str:
    if context.delivery == 1:
        raise {"retry": Retry("later", delay_seconds=7), "snooze": Snooze(60), "cancel": Cancel("enough")}[kind]
    return "done"


def parent(context: Context) -> str:
    return context.submit(ADD, {"a": 1})


def odd() -> object:
    return object()


def deep() -> object:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


def nested() -> object:
    value: list[object] = []
    for _ in range(101):
        value = [value]
    return value


def hoard(context: Context) -> None:
    context.checkpoint = nested()


def asleep() -> None:
    raise Snooze(60)


ADD, STEPS, SIGNAL, PARENT, ODD, DEEP, NESTED, HOARD, ASLEEP = (
    Task(function) for function in (add, steps, signal, parent, odd, deep, nested, hoard, asleep)
)


@pytest.fixture
def worker():
    tasks = Registry()
    for each in (ADD, STEPS, SIGNAL, PARENT, ODD, ASLEEP):
        tasks.add(each)
    return InlineWorker(tasks)


def test_a_task_runs_inline_with_its_result():
    run = run_task(ADD, {"a": 1, "b": 2})

    assert (run.outcome, run.result) == (AttemptOutcome.COMPLETED, 3)


def test_what_a_task_says_is_told():
    run = run_task(STEPS, attempt=2, checkpoint=[1])

    assert run.outcome is AttemptOutcome.FAILED
    assert (run.error.type, run.error.message) == ("RuntimeError", "not yet")
    assert "raise RuntimeError" in run.error.traceback
    assert "taskjob/testing" not in run.error.traceback
    assert (run.log, run.progress, run.checkpoint) == ("step 2\n", "2/3", [1, 2])


async def test_an_async_task_runs_inside_a_loop():
    assert (await arun_task(STEPS, checkpoint=[1, 2], attempt=3)).result == [1, 2, 3]
    assert (await arun_task(ADD, {"a": 1})).result == 2


def test_a_wrong_payload_and_a_wrong_result_are_final_failures():
    wrong = run_task(ADD, {"a": "one"})
    unwritable = [run_task(ODD), run_task(DEEP), run_task(NESTED)]

    assert (wrong.outcome, wrong.error.type, wrong.retryable) == (AttemptOutcome.FAILED, "InvalidPayload", False)
    assert [(run.error.type, run.retryable) for run in unwritable] == [("InvalidResult", False)] * 3


def test_a_checkpoint_that_the_server_would_refuse_is_refused_where_it_is_made():
    run = run_task(HOARD)
    assert (run.error.type, run.checkpoint) == ("InvalidError", None)
    assert "100 levels" in run.error.message


@pytest.mark.parametrize(
    ("kind", "outcome", "delay"),
    [
        ("retry", AttemptOutcome.FAILED, 7.0),
        ("snooze", AttemptOutcome.SNOOZED, 60.0),
        ("cancel", AttemptOutcome.CANCELLED, None),
    ],
)
def test_signals_are_outcomes(kind, outcome, delay):
    run = run_task(SIGNAL, {"kind": kind})

    assert (run.outcome, run.delay_seconds) == (outcome, delay)


def test_submitted_jobs_are_told():
    run = run_task(PARENT, job_id="p")

    assert run.submitted == [{"task": "add", "payload": {"a": 1}, "idempotencyKey": "p/0/1"}]


def test_a_worker_retries_with_checkpoints_until_done(worker):
    job = worker.submit(STEPS)

    assert worker.run() == [job]
    assert (job.phase, job.attempts, job.result) == (Phase.COMPLETED, 3, [1, 2, 3])
    assert worker.seconds == 3.0


def test_a_worker_ends_a_job_after_its_attempts_or_a_named_error(worker):
    spent = worker.submit(STEPS, retry={"max_attempts": 2})
    named = worker.submit(STEPS, retry={"non_retryable": ["RuntimeError"]})
    worker.run()

    assert (spent.phase, spent.attempts) == (Phase.DEAD_LETTER, 2)
    assert (named.phase, named.attempts) == (Phase.DEAD_LETTER, 1)


def test_a_worker_waits_as_the_jobs_own_retry_says(worker):
    worker.submit(STEPS, retry={"backoff": {"initial_seconds": 10, "multiplier": 5, "max_seconds": 30}})
    worker.run()

    assert worker.seconds == 10 + 30


def test_a_worker_starts_a_job_at_its_time_and_others_before(worker):
    later = worker.submit(ADD, {"a": 1}, start_after=timedelta(hours=1))
    sooner = worker.submit(ADD, {"a": 2}, start_after="2001-01-01T00:00:00Z")

    assert worker.run() == [sooner, later]
    assert worker.seconds == pytest.approx(3600, abs=60)


def test_a_worker_ends_a_job_that_snoozes_for_ever_where_the_engine_would(worker):
    default = worker.submit(ASLEEP)
    bounded = worker.submit(ASLEEP, retry={"max_attempts": 1, "max_lost": 0})
    worker.run()

    assert (default.phase, len(default.runs), default.attempts) == (Phase.DEAD_LETTER, 48, 0)
    assert (bounded.phase, len(bounded.runs)) == (Phase.DEAD_LETTER, 41)


@pytest.mark.parametrize(
    ("kind", "phase", "attempts", "seconds"),
    [("retry", Phase.COMPLETED, 2, 7), ("snooze", Phase.COMPLETED, 1, 60), ("cancel", Phase.CANCELLED, 0, 0)],
)
def test_a_worker_plays_signals(worker, kind, phase, attempts, seconds):
    job = worker.submit(SIGNAL, {"kind": kind})
    worker.run()

    assert (job.phase, job.attempts, worker.seconds) == (phase, attempts, seconds)


def test_a_worker_runs_what_its_tasks_submit(worker):
    worker.submit(PARENT)

    assert [job.document["task"] for job in worker.run()] == ["parent", "add"]


def test_a_key_is_the_same_job_and_refuses_another_document(worker):
    first = worker.submit(ADD, {"a": 1}, idempotency_key="k")

    assert worker.submit(ADD, {"a": 1}, idempotency_key="k") is first
    with pytest.raises(IdempotencyConflictError):
        worker.submit(ADD, {"a": 2}, idempotency_key="k")


def test_an_unknown_task_is_said(worker):
    worker.submit("unknown", {})

    with pytest.raises(NotFoundError, match="unknown"):
        worker.run()
