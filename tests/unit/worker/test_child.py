"""The process of `process` tasks, seen from its socket: the frames it is given and those it answers."""

import asyncio
import contextlib
import os
import signal
import socket
import time

import msgspec
import pytest

from taskjob import Context, task
from taskjob.context import Facts
from taskjob.errors import TaskJobError
from taskjob.model import AttemptOutcome
from taskjob.registry import registry
from taskjob_worker.executors import child
from taskjob_worker.executors.frames import (
    Checkpoint,
    Done,
    FrameReader,
    Log,
    ProgressText,
    Run,
    SubmitCall,
    SubmitReply,
    pack,
)

PATIENCE_SECONDS = 60


@pytest.fixture(autouse=True)
def clean_process(monkeypatch):
    """Its handler of SIGTERM and its tasks are for a process of their own."""
    monkeypatch.setattr(registry, "_tasks", {})
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def serve(*frames):
    """Everything a child says that is given these frames and then loses its worker."""
    worker, theirs = socket.socketpair()
    with worker, theirs:
        for frame in frames:
            worker.sendall(pack(frame))
        worker.shutdown(socket.SHUT_WR)
        with contextlib.suppress(SystemExit):
            child.Child(child.Link(theirs)).serve()
        theirs.close()
        said = bytearray()
        while data := worker.recv(65536):
            said += data
    return FrameReader().feed(bytes(said))


def run(name, **payload):
    return Run(Facts(job_id="j", task=name), msgspec.json.encode(payload), time.monotonic())


def test_one_task_after_another_each_with_its_end():
    @task(name="double", executor="process")
    def double(number: int) -> int:
        return 2 * number

    first, second = serve(run("double", number=2), run("double", number=21))

    assert (first.ending.outcome, first.ending.result) == (AttemptOutcome.COMPLETED, b"4")
    assert second.ending.result == b"42"


def test_what_a_task_says_comes_before_its_end():
    @task(name="speak", executor="process")
    def speak(context: Context) -> None:
        context.log("hello %s", "you")
        context.progress("half")
        context.checkpoint = {"at": 1}

    *said, done = serve(run("speak"))

    assert isinstance(done, Done)
    assert [type(frame) for frame in said] == [Log, ProgressText, Checkpoint]
    log, progress, checkpoint = said
    assert "hello you" in log.text
    assert progress.text == "half"
    assert msgspec.json.decode(checkpoint.raw) == {"at": 1}


def test_a_failure_of_any_kind_ends_the_attempt_and_not_the_child():
    @task(name="fail", executor="process")
    def fail() -> None:
        raise ValueError("no")

    @task(name="leave", executor="process")
    def leave() -> None:
        raise SystemExit(3)

    failed, left, unknown = serve(run("fail"), run("leave"), run("nobody"))

    assert (failed.ending.outcome, failed.ending.error.type) == (AttemptOutcome.FAILED, "ValueError")
    assert left.ending.outcome is AttemptOutcome.FAILED
    assert "nobody" in unknown.ending.error.message


def test_sigterm_stops_a_plain_function_whatever_it_catches():
    @task(name="stubborn", executor="process")
    def stubborn() -> str:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(PATIENCE_SECONDS)
        except Exception:  # noqa: BLE001 - as careless tasks do
            return "caught it"
        return "never stopped"

    [done] = serve(run("stubborn"))

    assert done.ending.outcome is AttemptOutcome.INTERRUPTED


def test_sigterm_cancels_a_coroutine_which_may_clean_up():
    seen = []

    @task(name="patient", executor="process")
    async def patient(context: Context) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(PATIENCE_SECONDS)
        finally:
            seen.append(context.cancelled.is_set())

    [done] = serve(run("patient"))

    assert done.ending.outcome is AttemptOutcome.INTERRUPTED
    assert seen == [True]


def test_sigterm_between_tasks_ends_the_child(monkeypatch):
    worker, theirs = socket.socketpair()
    link = child.Link(theirs)
    monkeypatch.setattr(link, "receive", lambda: os.kill(os.getpid(), signal.SIGTERM))

    with worker, theirs, pytest.raises(SystemExit) as ended:
        child.Child(link).serve()

    assert ended.value.code == 0


def submitting():
    refusals = []

    @task(name="parent", executor="process")
    def parent(context: Context) -> str:
        try:
            return context.submit("other", {"a": 1})
        except TaskJobError as error:
            refusals.append((error.reason, str(error)))
            raise

    return refusals


def test_a_submit_asks_the_worker_and_gives_the_id():
    submitting()

    asked, done = serve(run("parent"), SubmitReply(id="job-2"))

    assert isinstance(asked, SubmitCall)
    assert (asked.document["task"], asked.document["payload"]) == ("other", {"a": 1})
    assert done.ending.result == b'"job-2"'


def test_a_refused_submit_raises_with_its_code():
    refusals = submitting()

    _, done = serve(run("parent"), SubmitReply(code="QueueFull", detail="no room"))

    assert done.ending.outcome is AttemptOutcome.FAILED
    [(code, said)] = refusals
    assert code == "QueueFull"
    assert "no room" in said


def test_a_submit_without_a_worker_ends_the_attempt():
    submitting()

    asked, done = serve(run("parent"))

    assert isinstance(asked, SubmitCall)
    assert done.ending.outcome is not AttemptOutcome.COMPLETED
