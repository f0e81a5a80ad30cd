"""Workers that stall, die, drain and lose their server: what happens to their jobs, seen from outside."""

import os
import signal
from pathlib import Path

import pytest

from taskjob.cli.dev.ports import free_port

CARRIERS = ["tcp", "http"]


def door(api, carrier):
    return api.gateway if carrier == "tcp" else api.url


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(("task", "carrier"), [("hold_gil", "tcp"), ("hold_gil", "http"), ("block_loop", "tcp")])
def test_a_task_that_stops_the_interpreter_keeps_its_lease(quick_api, start_worker, queue, task, carrier):
    api = quick_api
    worker = start_worker(door(api, carrier), queues=(queue,))
    job_id = api.submit(task, {"seconds": 10}, queue=queue)  # its leases last six

    job = api.reaches(job_id, "completed", "dead_letter")

    assert (job.phase, job.attempts, job.lost, job.deliveries) == ("completed", 1, 0, 1)
    assert "killing" not in worker.log


def test_a_stalled_worker_is_killed_when_its_leases_lapse(start_api, start_worker, tmp_path, eventually):
    api = start_api(ttl_seconds=5)
    worker = start_worker(api.gateway)
    path = tmp_path / "notes"
    api.submit("hold_gil", {"seconds": 300, "path": str(path)})
    eventually(lambda: lines(path) == ["began"])
    inner = worker.inner_pid
    os.kill(api.process.pid, signal.SIGSTOP)

    try:
        eventually(lambda: "its leases lapsed while tasks still run" in worker.log, worker.log)
        eventually(lambda: not Path(f"/proc/{inner}").exists() or worker.inner_pid != inner)
    finally:
        os.kill(api.process.pid, signal.SIGCONT)


def test_tasks_stop_before_the_leases_lapse_and_are_handed_back(start_api, start_worker, tmp_path, eventually):
    api = start_api(ttl_seconds=5)
    start_worker(api.gateway)
    path = tmp_path / "notes"
    job_id = api.submit("nap", {"seconds": 300, "path": str(path)})
    eventually(lambda: lines(path) == ["began"])
    os.kill(api.process.pid, signal.SIGSTOP)

    try:
        eventually(lambda: "cancelled" in lines(path))
    finally:
        os.kill(api.process.pid, signal.SIGCONT)
    eventually(lambda: lines(path).count("began") >= 2)

    job = api.job(job_id)
    assert (job.attempts, job.lost) == (0, 0)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_drain_finishes_what_runs(api, start_worker, queue, eventually, tmp_path, carrier):
    worker = start_worker(door(api, carrier), queues=(queue,), drain_seconds=60)
    path = tmp_path / "notes"
    job_id = api.submit("nap", {"seconds": 1, "path": str(path)}, queue=queue)
    eventually(lambda: lines(path) == ["began"])

    worker.terminate()

    assert worker.wait() == 0, worker.log
    job = api.job(job_id)
    assert (job.phase, job.attempts, job.interruptions) == ("completed", 1, 0)


@pytest.mark.parametrize(
    ("task", "carrier"),
    [("nap", "tcp"), ("nap", "http"), ("thread_nap", "tcp"), ("process_nap", "tcp"), ("stubborn", "tcp")],
)
def test_drain_hands_back_what_does_not_finish(api, start_worker, queue, eventually, tmp_path, task, carrier):
    worker = start_worker(door(api, carrier), queues=(queue,), drain_seconds=0.3)
    path = tmp_path / "notes"
    job_id = api.submit(task, {"seconds": 300, "path": str(path)}, queue=queue)
    api.reaches(job_id, "running")
    eventually(lambda: lines(path))

    worker.terminate()

    assert worker.wait() == 0, worker.log
    job = api.job(job_id)
    assert (job.phase, job.attempts, job.lost, job.interruptions) == ("queued", 0, 0, 1)


def test_a_second_signal_hurries(api, start_worker, queue, eventually, tmp_path):
    worker = start_worker(api.gateway, queues=(queue,), drain_seconds=300)
    path = tmp_path / "notes"
    job_id = api.submit("nap", {"seconds": 60, "path": str(path)}, queue=queue)
    eventually(lambda: lines(path) == ["began"])

    worker.terminate()
    eventually(lambda: "draining" in worker.log)
    worker.terminate()

    assert worker.wait() == 0
    assert api.job(job_id).interruptions == 1


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_killed_worker_is_replaced_and_its_job_runs_again(
    quick_api, start_worker, queue, eventually, tmp_path, carrier
):
    api = quick_api
    worker = start_worker(door(api, carrier), queues=(queue,))
    path, sign = tmp_path / "notes", tmp_path / "sign"
    job_id = api.submit("hold", {"path": str(path), "sign": str(sign)}, queue=queue)
    api.reaches(job_id, "running")
    eventually(lambda: lines(path) == ["began"])

    os.kill(worker.inner_pid, signal.SIGKILL)
    sign.touch()

    job = api.reaches(job_id, "completed")
    assert (job.attempts, job.lost) == (1, 1)
    assert "killed by SIGKILL" in worker.log


def test_nothing_survives_the_guardian(api, start_worker, queue, eventually, tmp_path):
    worker = start_worker(api.gateway, queues=(queue,))
    path = tmp_path / "notes"
    api.submit("process_nap", {"seconds": 60, "path": str(path)}, queue=queue)
    eventually(lambda: lines(path))
    task_pid = lines(path)[0].split()[1]
    inner = worker.inner_pid

    worker.process.kill()

    eventually(lambda: not Path(f"/proc/{inner}").exists())
    eventually(lambda: not Path(f"/proc/{task_pid}").exists())


@pytest.mark.parametrize("carrier", CARRIERS)
def test_an_api_restart_costs_a_running_job_nothing(start_api, start_worker, eventually, tmp_path, carrier):
    api = start_api(port=free_port(), gateway_port=free_port())
    worker = start_worker(door(api, carrier))
    path = tmp_path / "notes"
    job_id = api.submit("nap", {"seconds": 4, "path": str(path)})
    api.reaches(job_id, "running")
    rest, gateway = (int(address.rpartition(":")[2]) for address in (api.url, api.gateway))

    api.process.kill()
    api.process.wait()
    again = start_api(port=rest, gateway_port=gateway)

    job = again.reaches(job_id, "completed")
    assert (job.attempts, job.lost, job.deliveries) == (1, 0, 1)
    assert "resumed session" in worker.log
    assert lines(path) == ["began", "ended"]


def test_a_timed_out_thread_has_no_retry_beside_it(api, start_worker, queue, eventually, tmp_path):
    worker = start_worker(api.gateway, queues=(queue,))
    path = tmp_path / "notes"
    job_id = api.submit(
        "stubborn",
        {"seconds": 300, "path": str(path)},
        queue=queue,
        timeoutSeconds=3,
        retry={"maxAttempts": 2, "backoff": {"initialSeconds": 1}},
    )
    eventually(lambda: lines(path))
    first = lines(path)[0].split()[1]

    eventually(lambda: len(lines(path)) == 2)

    assert not Path(f"/proc/{first}").exists()
    assert [line.split()[0] for line in lines(path)] == ["began", "began"]
    assert api.reaches(job_id, "dead_letter").last_error.type == "TimedOut"
    assert "will be replaced" in worker.log


def test_a_poison_job_ends_as_a_dead_letter_and_charges_no_neighbour(api, start_worker, queue, eventually):
    start_worker(api.gateway, queues=(queue,), concurrency=1)
    warm = [api.submit("noop", queue=queue) for _ in range(100)]
    api.reaches(warm[-1], "completed")
    api.client.pause(queue)
    poison = api.submit(
        "poison", {}, queue=queue, priority=10, retry={"maxLost": 2, "backoff": {"initialSeconds": 1, "multiplier": 1}}
    )
    innocent = [api.submit("noop", queue=queue) for _ in range(10)]

    api.client.resume(queue)

    dead = api.reaches(poison, "dead_letter", seconds=120)
    assert (dead.reason, dead.lost, dead.attempts) == ("LostExhausted", 2, 0)
    for job in [api.reaches(job_id, "completed") for job_id in innocent]:
        assert (job.attempts, job.lost, job.interruptions) == (1, 0, 0)


def test_what_is_prefetched_and_not_started_goes_to_another_worker(api, start_worker, queue, eventually, tmp_path):
    first = start_worker(api.gateway, queues=(queue,), concurrency=1, name="first")
    warm = [api.submit("noop", queue=queue) for _ in range(100)]
    api.reaches(warm[-1], "completed")
    path = tmp_path / "notes"
    long = api.submit("nap", {"seconds": 60, "path": str(path)}, queue=queue)
    eventually(lambda: lines(path) == ["began"])
    behind = api.submit("echo", {"value": 1}, queue=queue)
    start_worker(api.gateway, queues=(queue,), concurrency=1, name="second")

    job = api.reaches(behind, "completed")

    deliveries = [(each.worker, each.outcome) for each in api.client.attempts(job.id)]
    assert sorted(deliveries) == [("first", "released"), ("second", "completed")]
    assert (job.attempts, job.lost, job.interruptions) == (1, 0, 0)
    assert api.job(long).phase == "running"
    assert first.process.poll() is None


def test_what_is_handed_back_does_not_come_again_to_the_same_busy_worker(
    api, start_worker, queue, eventually, tmp_path
):
    start_worker(api.gateway, queues=(queue,), concurrency=1)
    warm = [api.submit("noop", queue=queue) for _ in range(100)]
    api.reaches(warm[-1], "completed")
    path = tmp_path / "notes"
    long = api.submit("nap", {"seconds": 4, "path": str(path)}, queue=queue)
    eventually(lambda: lines(path) == ["began"])
    behind = api.submit("echo", {"value": 1}, queue=queue)

    assert api.reaches(behind, "completed").deliveries <= 2
    assert api.job(long).deliveries == 1
