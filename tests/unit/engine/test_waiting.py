"""Sessions in line for work: who may take a job of a namespace, a queue and a task, and in what order."""

from taskjob_engine.store import SessionRef
from taskjob_engine.waiting import Parked, WaitingSessions


class NoSink:
    def granted(self, grants):
        raise AssertionError("nothing is granted here")

    nothing = refused = granted


def parked(session, namespace="default", queues=("default",), tasks=("noop",)):
    ref = SessionRef(session=session, epoch=1, principal="token:worker")
    return Parked(ref, namespace=namespace, queues=queues, tasks=tasks, sink=NoSink(), seq=None, room=lambda: 1)


def line_up(*sessions):
    waiting = WaitingSessions()
    for session in sessions:
        waiting.add(session)
        waiting.want(session, 1)
    return waiting


def names(waiting, *stream):
    return [taker.ref.session for taker in waiting.takers(stream)]


def test_equal_queues_of_two_namespaces_have_lines_of_their_own():
    first, second = parked("a", "default"), parked("b", "other")
    waiting = line_up(first, second)
    assert names(waiting, "default", "default", "noop") == ["a"]
    assert names(waiting, "other", "default", "noop") == ["b"]
    waiting.want(second, 0)
    assert names(waiting, "default", "default", "noop") == ["a"]
    assert names(waiting, "other", "default", "noop") == []


def test_only_who_knows_the_task_takes_it():
    waiting = line_up(parked("a", tasks=("noop",)), parked("b", tasks=("other",)))
    assert names(waiting, "default", "default", "other") == ["b"]


def test_who_asks_again_goes_to_the_end_of_the_line():
    first, second = parked("a"), parked("b")
    waiting = line_up(first, second)
    waiting.want(first, 5)
    assert names(waiting, "default", "default", "noop") == ["b", "a"]


def test_whoever_moves_leaves_its_own_place():
    first, second, third = parked("a"), parked("b"), parked("c")
    waiting = line_up(first, second, third)
    waiting.want(second, 2)
    assert names(waiting, "default", "default", "noop") == ["a", "c", "b"]
    waiting.want(third, 0)
    assert names(waiting, "default", "default", "noop") == ["a", "b"]


def test_who_has_a_call_in_flight_comes_last():
    first, second = parked("a"), parked("b")
    waiting = line_up(first, second)
    first.begin_call(1)
    assert names(waiting, "default", "default", "noop") == ["b", "a"]


def test_who_left_is_in_no_line():
    first = parked("a")
    waiting = line_up(first)
    waiting.remove(first)
    assert names(waiting, "default", "default", "noop") == []
    assert waiting.get("a") is None
