"""TaskJobs of a queue whose workers cannot start: they say why, at the cost of few writes."""

from __future__ import annotations

from pathlib import Path

from live_operator import Jobs, Stack, Watch, conditions, eventually
from shown_text import columns, same_as, steady

GOLDEN = Path(__file__).parent / "golden"
MANY = 40
WORKER_ACCOUNT = {"metadata": {"name": "taskjob-worker", "labels": {"taskjob.dev/worker": "true"}}}
WAITS_SECONDS = 12.0
"""Two rounds of telling, and what a write may take."""


def forbidden_queue(jobs: Jobs) -> None:
    """Its workers would run as an account that is not there; the operator has seen it."""
    jobs.create_queue("images", worker={"image": "shop/resize:2"})
    eventually(lambda: "WorkersForbidden" in str(jobs.queue("images").get("status")), "a queue that is stopped")


def explain(stack: Stack, jobs: Jobs, name: str) -> str:
    return stack.cli("explain", name, "-n", jobs.namespace)


def nothing_is_written(watch: Watch, seconds: float) -> None:
    before = watch.writes()
    try:
        eventually(lambda: watch.writes() > before, "a write", seconds)
    except AssertionError:
        return
    raise AssertionError(f"{watch.writes() - before} writes too many: {watch.events[-1][2].get('status')}")


def test_a_taskjob_says_why_its_queue_has_no_workers(stack: Stack) -> None:
    jobs = stack.jobs()
    with stack.operator():
        forbidden_queue(jobs)
        with Watch(stack.plane, jobs.collection) as watch:
            jobs.create("resize-cats", queue="images")

            status = jobs.until_reason("resize-cats", "WorkersForbidden")

            assert "Queued" == status["phase"]
            assert "serviceaccount" in status["message"]
            assert ("True", "False") == (conditions(status)["Reconciling"], conditions(status)["Finished"])
            eventually(lambda: 1 == len(watch.statuses("resize-cats")), "in passing, with the write that says Queued")
            nothing_is_written(watch, WAITS_SECONDS)
        shown = columns(
            stack.plane.kubectl("get", "tj,tq", "-n", jobs.namespace, "-o", "wide"), namespace=jobs.namespace
        )
        same_as(GOLDEN / "stopped.txt", f"$ kubectl get tj,tq -o wide\n{shown}")
        eventually(lambda: "cannot start" in explain(stack, jobs, "resize-cats"), "explain says so too")
        told = steady(explain(stack, jobs, "resize-cats"), namespace=jobs.namespace)
        same_as(GOLDEN / "explain-stopped.txt", f"$ taskjob explain resize-cats\n{told}")


def test_those_that_waited_before_are_told_once_and_told_when_it_is_over(stack: Stack) -> None:
    jobs = stack.jobs()
    names = [f"many-{number}" for number in range(MANY)]
    with stack.operator(), Watch(stack.plane, jobs.collection) as watch:
        jobs.create_queue("images")
        for name in names:
            jobs.create(name, queue="images")
        for name in names:
            jobs.until_reason(name, "Queued")
        eventually(lambda: MANY == watch.writes(), "a write for each")

        jobs.edit_queue("images", worker={"image": "shop/resize:2"})

        for name in names:
            jobs.until_reason(name, "WorkersForbidden")
        eventually(lambda: 2 * MANY == watch.writes(), "one more for each")
        nothing_is_written(watch, WAITS_SECONDS)

        jobs.delete_queue("images")

        for name in names:
            jobs.until_reason(name, "Queued")
        eventually(lambda: 3 * MANY == watch.writes(), "and one that takes it back")


def test_a_restart_of_the_operator_writes_none_of_it_again(stack: Stack) -> None:
    jobs = stack.jobs()
    with stack.operator() as first:
        forbidden_queue(jobs)
        jobs.create("resize-cats", queue="images")
        jobs.until_reason("resize-cats", "WorkersForbidden")
        with Watch(stack.plane, jobs.collection) as watch:
            first.kill()
            with stack.successor():
                nothing_is_written(watch, WAITS_SECONDS)


def test_a_worker_from_elsewhere_ends_it(stack: Stack) -> None:
    jobs = stack.jobs()
    with stack.operator():
        forbidden_queue(jobs)
        jobs.create("sum", queue="images")
        jobs.until_reason("sum", "WorkersForbidden")

        with stack.worker(jobs.namespace, "images"):
            assert "Completed" == jobs.until("sum", "Completed")["reason"]


def test_a_drain_that_is_shorter_than_the_jobs_is_a_condition_of_their_queue(stack: Stack) -> None:
    jobs = stack.jobs()
    stack.plane.call("POST", f"/api/v1/namespaces/{jobs.namespace}/serviceaccounts", WORKER_ACCOUNT)
    with stack.operator(), stack.worker(jobs.namespace, "images"):
        jobs.create_queue("images", worker={"image": "shop/resize:2", "drainSeconds": 1}, replicas=0)
        for number in range(20):
            jobs.create(f"long-{number}", queue="images", task="nap", payload={"seconds": 1.5})

        eventually(lambda: "has 1 s" in told(jobs, "DrainTooShort"), "the condition", 60)
        jobs.edit_queue("images", worker={"drainSeconds": 60})
        eventually(lambda: not told(jobs, "DrainTooShort"), "it is over")


def told(jobs: Jobs, condition: str) -> str:
    """The message of this condition of the TaskQueue; nothing where it has none."""
    found = {one["type"]: one["message"] for one in jobs.queue("images").get("status", {}).get("conditions", ())}
    return str(found.get(condition, ""))
