"""What happened while no operator ran, and a sweep that does not believe in too many orphans at once."""

from __future__ import annotations

from live_operator import Jobs, Stack, eventually
from taskjob_phases import PHASES, as_they_should_end, in_every_phase

MANY = 30


def test_what_was_deleted_while_no_operator_ran_is_cancelled_by_the_next(jobs: Jobs, stack: Stack) -> None:
    with stack.operator() as first:
        in_every_phase(jobs)
        first.kill()
    for name in PHASES:
        jobs.delete(name)
    assert [] == jobs.all()

    with stack.successor():
        eventually(as_they_should_end(jobs, stack), "every job that lived is cancelled")


def test_a_name_used_again_while_no_operator_ran_waits_too(jobs: Jobs, stack: Stack) -> None:
    with stack.operator() as first:
        jobs.create("daily", task="nap", payload={"seconds": 600})
        old_id = jobs.until("daily", "Running")["jobID"]
        first.kill()
    jobs.delete("daily")
    jobs.create("daily")

    with stack.successor():
        done = jobs.until("daily", "Completed", 60)

    old = next(one for one in stack.engine_jobs(jobs.namespace) if one["id"] == old_id)
    new = next(one for one in stack.engine_jobs(jobs.namespace) if one["id"] == done["jobID"])
    assert "cancelled" == old["phase"]
    assert old["finishedAt"] <= new["createdAt"]


def test_too_many_orphans_at_once_wait_for_a_person(jobs: Jobs, stack: Stack) -> None:
    names = [f"many-{number}" for number in range(MANY)]
    jobs.create_queue("images")
    with stack.operator() as first:
        for name in names:
            jobs.create(name, suspend=True)
        for name in names:
            jobs.until_reason(name, "Suspended")
        first.kill()
    jobs.delete_all()

    with stack.successor() as second:
        eventually(lambda: second.metric("taskjob_operator_orphans_held") == MANY, "the alarm")
        assert {"submitted"} == {one["phase"] for one in stack.engine_jobs(jobs.namespace)}
        eventually(lambda: f"{MANY} jobs" in held(jobs), "the condition of the TaskQueue")
        second.kill()

    with stack.successor() as second:
        eventually(lambda: second.metric("taskjob_operator_orphans_held") == MANY, "the alarm of the next operator")
        assert f"{MANY} jobs" in held(jobs)
        assert set(names) <= set(stack.cli("orphans", "list").split())
        stack.cli("orphans", "confirm", "--yes")

        eventually(
            lambda: {"cancelled"} == {one["phase"] for one in stack.engine_jobs(jobs.namespace)}, "all are cancelled"
        )
        eventually(lambda: second.metric("taskjob_operator_orphans_held") == 0, "the alarm is over")
        eventually(lambda: not held(jobs), "and so is the condition")


def held(jobs: Jobs) -> str:
    """What the condition OrphansHeld of the TaskQueue says; nothing where it has none."""
    found = {one["type"]: one["message"] for one in jobs.queue("images").get("status", {}).get("conditions", ())}
    return str(found.get("OrphansHeld", ""))
