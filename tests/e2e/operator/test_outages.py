"""The api or the API server away for a while: nothing is lost, little is written, and it is told once."""

from __future__ import annotations

from pathlib import Path

from control_plane import ControlPlane
from live_operator import Jobs, Stack, Watch, eventually, stack_on
from live_stack import live_worker

from taskjob.cli.dev.ports import free_port

TRIES = "taskjob_operator_api_call_duration_seconds_count"


def test_while_the_api_is_away_new_taskjobs_say_so_once(plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    port = str(free_port())
    with stack_on(plane, tmp_path / "one", PORT=port) as stack:
        jobs = stack.jobs()
        names = [f"new-{number}" for number in range(10)]
        with stack.operator() as operator:
            stack.end_api()
            with Watch(plane, jobs.collection) as watch:
                for name in names:
                    jobs.create(name)
                for name in names:
                    jobs.until_reason(name, "ApiUnavailable")
                tried = operator.metric(TRIES)
                eventually(lambda: operator.metric(TRIES) >= tried + 3, "several more tries")
                assert [1] * 10 == [len(watch.statuses(name)) for name in names]
                assert 0 == operator.metric("taskjob_operator_api_up")

            with (
                stack_on(plane, tmp_path / "one", PORT=port) as again,
                live_worker(tmp_path / "one", again.gateway, namespace=jobs.namespace),
            ):
                for name in names:
                    jobs.until(name, "Completed", 60)
                assert 10 == len(again.engine_jobs(jobs.namespace))


def test_the_operator_outlives_a_restart_of_the_api_server(plane: ControlPlane, jobs: Jobs, stack: Stack) -> None:
    with stack.operator(LEASE_SECONDS="60") as operator:
        jobs.create("before", task="nap", payload={"seconds": 3})
        jobs.until("before", "Running")

        plane.stop_api()
        plane.start_api()

        jobs.create("after")
        jobs.until("before", "Completed", 60)
        jobs.until("after", "Completed", 60)
        assert operator.process.poll() is None
        eventually(operator.ready, "still the leader")
