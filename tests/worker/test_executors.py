"""Every executor through a real worker: what runs, how it ends, what is logged."""

from pathlib import Path

import pytest

from taskjob.model import Phase
from taskjob_worker.settings import CommandSettings

COMMANDS = {
    "count": CommandSettings(argv=("/bin/sh", "-c", "wc -c; echo noise >&2")),
    "broken": CommandSettings(argv=("/bin/sh", "-c", "exit 3")),
    "missing": CommandSettings(argv=("/no/such/program",)),
    "sleeper": CommandSettings(argv=("/bin/sh", "-c", "sleep 300 & sleep 300")),
    "leaver": CommandSettings(argv=("/bin/sh", "-c", "sleep 300 & echo $!")),
    "runaway": CommandSettings(argv=("/bin/sh", "-c", "setsid sleep 30 & echo 7")),
    "environment": CommandSettings(argv=("/usr/bin/env",), environment={"COLOUR": "red"}),
}


@pytest.fixture(scope="module", autouse=True)
def worker(api, tmp_path_factory, worker_class):
    started = worker_class(
        tmp_path_factory.mktemp("worker"),
        api.gateway,
        commands=COMMANDS,
        concurrency=4,
        queues=("executors", "default"),
    ).connected()
    yield started
    started.stop()


def finished(api, task, payload=None, **fields):
    return api.reaches(api.submit(task, payload, queue="executors", **fields), "completed", "dead_letter", "cancelled")


ONCE = {"retry": {"maxAttempts": 1, "maxLost": 0}}


@pytest.mark.parametrize(
    ("task", "payload", "result"),
    [
        ("noop", {}, None),
        ("echo", {"value": 3}, 3),
        ("thread_nap", {"seconds": 0}, "ended"),
        ("process_echo", {"value": 4}, 4),
        ("process_async", {"value": 5}, 5),
        ("count", {"a": 1}, 7),
    ],
)
def test_a_job_completes_with_its_result(api, task, payload, result):
    job = finished(api, task, payload)

    assert (job.phase, job.result, job.attempts) == (Phase.COMPLETED, result, 1)


@pytest.mark.parametrize(
    ("task", "payload", "error_type", "message"),
    [
        ("fail", {"message": "broken"}, "ValueError", "broken"),
        ("leave", {"status": 3}, "ProcessCrashed", "exited with status 3"),
        ("segfault", {}, "ProcessCrashed", "SIGSEGV"),
        ("die", {"number": 9}, "ProcessCrashed", "SIGKILL"),
        ("broken", {}, "CommandFailed", "exit status 3"),
        ("missing", {}, "FileNotFoundError", "/no/such/program"),
    ],
)
def test_a_failure_says_what_happened(api, task, payload, error_type, message):
    job = finished(api, task, payload, **ONCE)

    assert job.phase == Phase.DEAD_LETTER
    assert job.last_error.type == error_type
    assert message in job.last_error.message


def test_a_crash_is_charged_as_lost_and_an_exception_as_an_attempt(api):
    retry = {"retry": {"maxAttempts": 2, "maxLost": 1, "backoff": {"initialSeconds": 1}}}
    crashed = finished(api, "leave", {"status": 1}, **retry)
    failed = finished(api, "fail", {"message": "x"}, **ONCE)

    assert (crashed.attempts, crashed.lost, crashed.reason) == (0, 1, "LostExhausted")
    assert (failed.attempts, failed.lost) == (1, 0)


def test_a_wrong_payload_is_final_and_names_its_field(api):
    job = finished(api, "echo", {"value": "three"})

    assert (job.phase, job.reason, job.attempts) == (Phase.DEAD_LETTER, "NonRetryable", 1)
    assert job.last_error.type == "InvalidPayload"
    assert "/value" in job.last_error.message


@pytest.mark.parametrize(
    ("kind", "phase", "attempts"),
    [("retry", Phase.DEAD_LETTER, 2), ("cancel", Phase.CANCELLED, 0)],
)
def test_signals_end_an_attempt(api, kind, phase, attempts):
    job = finished(api, "signals", {"kind": kind}, retry={"maxAttempts": 2})

    assert (job.phase, job.attempts) == (phase, attempts)


def test_a_snooze_comes_back_and_costs_nothing(api, eventually):
    job_id = api.submit("signals", {"kind": "snooze"}, queue="executors")
    job = eventually(lambda: (found := api.job(job_id)).deliveries >= 3 and found)

    assert job.attempts == 0
    api.client.cancel(job_id)


@pytest.mark.parametrize("task", ["nap", "process_nap", "thread_nap", "sleeper"])
def test_a_time_out_ends_the_attempt(api, task):
    payload = {} if task == "sleeper" else {"seconds": 30}
    job = finished(api, task, payload, timeoutSeconds=1, **ONCE)

    assert (job.phase, job.last_error.type) == (Phase.DEAD_LETTER, "TimedOut")


@pytest.mark.parametrize("task", ["nap", "process_nap", "thread_nap", "sleeper"])
def test_a_running_task_is_cancelled(api, task):
    job_id = api.submit(task, {} if task == "sleeper" else {"seconds": 300}, queue="executors")
    api.reaches(job_id, "running")

    api.client.cancel(job_id)

    assert api.reaches(job_id, "cancelled").attempts == 0


def test_a_process_that_ignores_sigterm_is_killed_with_its_whole_group(api, tmp_path, eventually):
    path = tmp_path / "pids"
    job_id = api.submit("process_stubborn", {"path": str(path)}, queue="executors")
    pids = eventually(lambda: path.exists() and path.read_text().split(), "the process and its child")

    api.client.cancel(job_id)

    api.reaches(job_id, "cancelled")
    assert len(pids) == 2
    eventually(lambda: not any(alive(pid) for pid in pids), "both processes are gone")


def alive(pid: str | int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("task", "payload", "expected"),
    [
        ("log_lines", {}, ["line 1", "INFO sample: line 2"]),
        ("process_echo", {"value": 7}, ["value 7", "printed", "to stderr", "INFO sample: logged"]),
        ("count", {}, ["noise"]),
    ],
)
def test_what_a_task_says_stands_in_its_log(api, task, payload, expected):
    job = finished(api, task, payload)
    text = api.log(job.id)

    assert [line for line in expected if line not in text] == []


def test_a_checkpoint_is_handed_to_the_next_attempt(api):
    job = finished(api, "steps", retry={"maxAttempts": 5, "backoff": {"initialSeconds": 1}})

    assert (job.phase, job.result) == (Phase.COMPLETED, [1, 2, 3])


@pytest.mark.parametrize("task", ["parent", "thread_parent", "process_parent"])
def test_a_task_submits_jobs_with_a_key_that_survives_a_retry(api, task):
    job = finished(api, task)
    child = api.reaches(job.result, "completed")

    assert child.task == "echo"
    assert child.idempotency_key == f"{job.id}/0/1"


def test_a_command_ends_with_its_program_and_takes_along_what_that_left_running(api, eventually):
    job = finished(api, "leaver")

    assert job.phase == Phase.COMPLETED
    eventually(lambda: not alive(job.result), "what was killed has ended")


def test_a_command_ends_though_a_child_that_left_its_group_holds_its_pipes(api):
    assert finished(api, "runaway").result == 7


def test_a_command_sees_little_of_the_environment(api):
    job = finished(api, "environment")
    names = {line.partition("=")[0] for line in api.log(job.id).splitlines()}

    assert names <= {"PATH", "HOME", "LANG", "TZ", "COLOUR", "PWD"}
    assert "COLOUR" in names
