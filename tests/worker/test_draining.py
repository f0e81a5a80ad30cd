"""A worker that drains while its api is away: outcomes it still has to tell are worth its time to drain, no more."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from taskjob.cli.dev.ports import free_port
from taskjob_worker.supervisor import FAREWELL_SECONDS

SLACK_SECONDS = 30.0
"""What a busy machine may take to notice the time, and to end a process."""

CARRIERS = ["tcp", "http"]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def draining_alone(start_api, start_worker, eventually, tmp_path):
    """Starts an api and a worker with two tasks that run, ends the api, tells the worker to drain, and then has the
    tasks end: api, worker, jobs, when it was told."""

    def begin(carrier, *, drain_seconds, how=signal.SIGKILL):
        api = start_api(port=free_port(), gateway_port=free_port())
        worker = start_worker(api.gateway if carrier == "tcp" else api.url, drain_seconds=drain_seconds)
        path, sign = tmp_path / "notes", tmp_path / "sign"
        jobs = [api.submit("hold", {"path": str(path), "sign": str(sign)}) for _ in range(2)]
        for job in jobs:
            api.reaches(job, "running")
        eventually(lambda: lines(path) == ["began"] * 2)

        api.process.send_signal(how)
        api.process.wait()
        told_at = time.monotonic()
        worker.terminate()
        eventually(lambda: "draining: 2 running" in worker.log)
        sign.touch()
        eventually(lambda: lines(path)[2:] == ["ended"] * 2)
        return api, worker, jobs, told_at

    return begin


@pytest.mark.parametrize(
    ("carrier", "how"),
    [("tcp", signal.SIGTERM), ("tcp", signal.SIGKILL), ("http", signal.SIGKILL)],
    ids=["tcp-rolled", "tcp-killed", "http-killed"],
)
def test_outcomes_arrive_when_the_api_returns_in_time(draining_alone, start_api, tmp_path, carrier, how):
    api, worker, jobs, _ = draining_alone(carrier, drain_seconds=60, how=how)
    rest, gateway = (int(address.rpartition(":")[2]) for address in (api.url, api.gateway))
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(FAREWELL_SECONDS + 1)  # longer than it would wait for answers after its time to drain

    again = start_api(port=rest, gateway_port=gateway)

    assert worker.wait() == 0, worker.log
    for job in map(again.job, jobs):
        assert (job.phase, job.attempts, job.lost, job.deliveries) == ("completed", 1, 0, 1), worker.log
    assert lines(tmp_path / "notes") == ["began"] * 2 + ["ended"] * 2


@pytest.mark.parametrize("carrier", CARRIERS)
def test_an_api_that_never_returns_holds_nobody_longer_than_the_time_to_drain(draining_alone, carrier):
    _, worker, _, told_at = draining_alone(carrier, drain_seconds=8)

    assert worker.wait() == 0, worker.log

    assert 8 <= time.monotonic() - told_at <= 8 + FAREWELL_SECONDS + SLACK_SECONDS


def test_a_second_signal_hurries_also_a_worker_that_waits_for_its_api(draining_alone):
    _, worker, _, _ = draining_alone("tcp", drain_seconds=300)
    hurried_at = time.monotonic()

    worker.terminate()

    assert worker.wait() == 0, worker.log
    assert time.monotonic() - hurried_at <= FAREWELL_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize("carrier", CARRIERS)
def test_who_has_nothing_to_tell_waits_for_no_api(start_api, start_worker, carrier):
    api = start_api()
    worker = start_worker(api.gateway if carrier == "tcp" else api.url, drain_seconds=300)
    api.process.kill()
    api.process.wait()
    told_at = time.monotonic()

    worker.terminate()

    assert worker.wait() == 0, worker.log
    assert time.monotonic() - told_at <= SLACK_SECONDS  # and not the 300
