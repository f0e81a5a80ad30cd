"""TaskQueues while no operator leads, or an old one comes back: the next one finds what there is to do, once."""

from __future__ import annotations

from control_plane import ControlPlane
from live_operator import Stack, eventually
from live_queues import Queues

FIRST, SECOND = {"image": "first:1"}, {"image": "second:2"}


def told_deleted(stack: Stack, queues: Queues, name: str) -> bool:
    return stack.engine_queue(queues.namespace, name).get("deleted") is True


def test_workers_of_a_queue_deleted_with_no_operator_go_with_it_and_the_api_is_told_later(
    plane: ControlPlane, stack: Stack
) -> None:
    """The cluster's collector of garbage follows the owner references; no operator has to be there for it."""
    queues = Queues(plane)
    with stack.operator() as first:
        queues.create("images", worker=FIRST, replicas=2)
        queues.until("images", replicas=2)
        first.kill()

    queues.delete("images")

    eventually(lambda: queues.deployment("images") is None, "the workers go")
    eventually(lambda: queues.object("policy/v1 poddisruptionbudgets/taskqueue-images") is None, "the budget goes")
    assert not told_deleted(stack, queues, "images")
    with stack.successor():
        eventually(lambda: told_deleted(stack, queues, "images"), "the api is told")


def test_workers_left_behind_on_purpose_stay_when_the_operator_returns(plane: ControlPlane, stack: Stack) -> None:
    queues = Queues(plane)
    with stack.operator() as first:
        queues.create("images", worker=FIRST, replicas=2)
        queues.until("images", replicas=2)
        first.kill()

    plane.kubectl("delete", "taskqueue/images", "--cascade=orphan", "-n", queues.namespace)

    with stack.successor():
        eventually(lambda: told_deleted(stack, queues, "images"), "the api is told")
        assert ("first:1", 2) == (queues.image("images"), queues.replicas("images"))


def test_a_namesake_made_with_no_operator_gets_workers_of_its_own(plane: ControlPlane, stack: Stack) -> None:
    queues = Queues(plane)
    with stack.operator() as first:
        queues.create("images", worker=FIRST, replicas=2)
        queues.until("images", replicas=2)
        first.kill()
    before = queues.deployment("images")
    assert before is not None

    queues.delete("images")
    made = queues.create("images", worker=SECOND, replicas=1, limits={"maxConcurrency": 3})

    with stack.successor():
        queues.until("images", desiredReplicas=1)
        eventually(lambda: queues.image("images") == "second:2", "the new one's workers", 60)
        live = queues.deployment("images")
        assert live is not None
        assert before["metadata"]["uid"] != live["metadata"]["uid"]
        assert [made["metadata"]["uid"]] == [owner["uid"] for owner in live["metadata"]["ownerReferences"]]
        engine = stack.engine_queue(queues.namespace, "images")
        assert (engine["limits"]["maxConcurrency"], engine.get("deleted", False)) == (3, False)
        queues.delete("images")
        eventually(lambda: told_deleted(stack, queues, "images"), "the api is told")


def test_an_operator_that_was_frozen_leaves_the_workers_to_the_next(plane: ControlPlane, stack: Stack) -> None:
    queues = Queues(plane)
    with stack.operator(LEASE_SECONDS="8") as old, stack.operator(wait=False, LEASE_SECONDS="8") as new:
        queues.create("images", worker=FIRST, replicas=2)
        queues.until("images", replicas=2)
        old.freeze()
        queues.edit("images", replicas=3)  # of this the old one hears when it wakes
        new.wait_ready()
        queues.edit("images", worker=SECOND, replicas=5)
        queues.until("images", desiredReplicas=5)
        wanted = ("second:2", 5)
        eventually(lambda: (queues.image("images"), queues.replicas("images")) == wanted, "the new workers")
        before = queues.deployment("images")

        old.thaw()
        assert 3 == old.process.wait(60)

        after = queues.deployment("images")
        assert before is not None
        assert after is not None
        assert before["metadata"]["generation"] == after["metadata"]["generation"], "nobody wrote its spec"
        queues.delete("images")
        eventually(lambda: told_deleted(stack, queues, "images"), "the api is told")
